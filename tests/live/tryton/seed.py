"""The retailer that the live Tryton belongs to: one warehouse, four shops, 220 SKUs of beauty and
leather, their opening stock, and the users that the gateway and a till log in as.

The same at every run but for its dates. Everything is entered over RPC, as a person would.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

from tests.live.tryton.rpc import TrytonRpc, today

VAT = Decimal("0.13")
TEMPLATES_PER_CALL = 25  # with their variants; 200 in one call exceed Tryton's recursion limit


SHOPS = [  # code, name, street, city, postal code
    ("SH01", "上海淮海路店 Shanghai Huaihai Road", "淮海中路 588 号", "上海", "200020"),
    ("SH02", "上海陆家嘴店 Shanghai Lujiazui", "陆家嘴西路 168 号", "上海", "200120"),
    ("BJ01", "北京三里屯店 Beijing Sanlitun", "三里屯路 19 号", "北京", "100027"),
    ("GZ01", "广州北京路店 Guangzhou Beijing Road", "北京路 238 号", "广州", "510030"),
]


class Department(NamedTuple):
    """What is sold under each of its brands, which ask for so many per cent of a style's price.

    A style's row: Chinese name, English name, CNY with VAT, what each next variant adds, variants.
    """

    name: str
    prefix: str
    brands: dict[str, int]
    styles: str


BEAUTY = Department(
    "美妆 Beauty",
    "BT",
    {"朝露 Zhaolu": 100, "白芷 Baizhi": 85, "青黛 Qingdai": 120, "雪瓷 Xueci": 160},
    """
    玫瑰洁面乳 | Rose Cleanser | 89 | 40 | 100 ml, 150 ml
    山茶花卸妆油 | Camellia Cleansing Oil | 139 | 50 | 150 ml, 200 ml
    玻尿酸爽肤水 | Hyaluronic Toner | 159 | 60 | 150 ml, 200 ml
    烟酰胺精华 | Niacinamide Serum | 329 | 180 | 30 ml, 50 ml
    人参眼霜 | Ginseng Eye Cream | 369 | 120 | 15 g, 20 g
    神经酰胺面霜 | Ceramide Face Cream | 299 | 160 | 30 g, 50 g
    补水面膜 | Hydrating Sheet Mask | 79 | 60 | 5 片 sheets, 10 片 sheets
    轻透防晒霜 | Sheer Sunscreen SPF50+ | 149 | 60 | 40 ml, 60 ml
    丝绒口红 | Velvet Lipstick | 199 | 0 | 正红 Red, 豆沙 Rosewood, 砖红 Brick, 裸粉 Nude
    柔雾粉底液 | Soft Matte Foundation | 259 | 0 | 瓷白 Fair, 象牙 Ivory, 自然 Nude, 小麦 Tan
    桂花护手霜 | Osmanthus Hand Cream | 49 | 40 | 30 ml, 75 ml
    檀香淡香水 | Sandalwood Eau de Toilette | 359 | 200 | 30 ml, 50 ml, 100 ml
    四色眼影盘 | Eyeshadow Quartet | 279 | 0 | 大地 Earth
    """,
)

LEATHER = Department(
    "皮具 Leather Goods",
    "LG",
    {"山岚 Shanlan": 100, "合木 Hemu": 80, "远岫 Yuanxiu": 130, "行止 Xingzhi": 110},
    """
    羊皮链条包 | Lambskin Chain Bag | 2380 | 0 | 黑 Black, 焦糖 Caramel, 酒红 Wine
    植鞣革托特包 | Full-Grain Tote | 2980 | 0 | 黑 Black, 原色 Natural, 棕 Brown
    牛皮双肩包 | Leather Backpack | 2580 | 0 | 黑 Black, 棕 Brown
    十字纹公文包 | Saffiano Briefcase | 3280 | 0 | 黑 Black, 藏青 Navy
    拉链长夹 | Zip-Around Wallet | 899 | 0 | 黑 Black, 焦糖 Caramel, 酒红 Wine
    对折短夹 | Bifold Wallet | 659 | 0 | 黑 Black, 焦糖 Caramel, 藏青 Navy
    卡包 | Card Holder | 329 | 0 | 黑 Black, 焦糖 Caramel, 墨绿 Moss
    针扣腰带 | Pin-Buckle Belt | 499 | 0 | 90 cm, 100 cm, 110 cm
    钥匙包 | Key Case | 259 | 0 | 黑 Black, 酒红 Wine
    羊皮手套 | Lambskin Gloves | 599 | 0 | M
    """,
)

CUSTOMERS = [
    ("M1001", "林晓彤", "+86 138 0013 1001", "lin.xiaotong@example.com"),
    ("M1002", "陈嘉木", "+86 139 0013 1002", "chen.jiamu@example.com"),
    ("M1003", "吴若溪", "+86 136 0013 1003", "wu.ruoxi@example.com"),
    ("M1004", "郑一帆", "+86 137 0013 1004", "zheng.yifan@example.com"),
    ("M1005", "许静姝", "+86 135 0013 1005", "xu.jingshu@example.com"),
    ("M1006", "何承泽", "+86 133 0013 1006", "he.chengze@example.com"),
]

GROUPS = {
    "gateway": "Sales, Stock, Stock Cancellation, POS, POS Posting, Party Administration, "
    "Product Administration",
    "shop": "POS, POS Posting, Stock",
}


class Company(NamedTuple):
    id: int
    party: int
    country: int


class Books(NamedTuple):
    """What the ledger must hold before Tryton sells anything: record ids."""

    revenue: int
    expense: int
    cash: int
    bank: int
    vat: int


def seed(
    admin: TrytonRpc, admin_id: int, passwords: Mapping[str, str], say: Callable[[str], None]
) -> None:
    """Fills a database that has its modules and nothing else. ``passwords`` are by login."""

    def step(number: int, what: str) -> None:
        say(f"seeding {number}/6: {what}")

    step(1, "company")
    company = found_company(admin, admin_id)
    step(2, "accounts and tax")
    books = open_books(admin, company)
    step(3, "locations and tills")
    zones = build_locations(admin, company)
    build_tills(admin, company, books, zones)
    step(4, "products")
    enter_products(admin, books)
    step(5, "opening stock")
    for code, zone in zones.items():
        count_opening_stock(admin, company, code, zone)
    step(6, "customers and users")
    enter_customers(admin, company)
    enter_users(admin, company, passwords)


def found_company(rpc: TrytonRpc, admin_id: int) -> Company:
    rate = {"date": today().replace(month=1, day=1), "rate": Decimal(1)}
    currency = {"code": "CNY", "numeric_code": "156", "symbol": "¥", "name": "人民币 Renminbi"}
    rounding = {"rounding": Decimal("0.01"), "digits": 2, "rates": [["create", [rate]]]}
    yuan = rpc.add("currency.currency", **currency, **rounding)
    china = rpc.add("country.country", name="中国 China", code="CN", code3="CHN")
    office = {"street": "安福路 300 号", "city": "上海", "postal_code": "200031", "country": china}
    party = rpc.add(
        "party.party", name="朝山零售有限公司", code="HQ", addresses=[["create", [office]]]
    )
    company = rpc.add("company.company", party=party, currency=yuan, timezone="Asia/Shanghai")
    employer = {"companies": [["add", [company]]], "company": company}
    rpc.call("res.user", "write", [admin_id], employer)
    rpc.reload_context()
    return Company(company, party, china)


def open_books(rpc: TrytonRpc, company: Company) -> Books:
    """Takes over the accounts that come with Tryton, and adds what a shop in China needs."""
    template = _known(rpc, "account", "account_template_root_en")
    chart = {"company": company.id, "account_template": template}
    answers: dict[str, Any] = {"start": {}, "account": chart}
    wizard, *_ = rpc.ask("wizard.account.create_chart.create", rpc.context)
    for button in ("account", "create_account"):
        rpc.ask("wizard.account.create_chart.execute", wizard, answers, button, rpc.context)

    receivable, payable, revenue, expense = (
        _first(rpc, "account.account", [[f"type.{kind}", "=", True], ["closed", "!=", True]])
        for kind in ("receivable", "payable", "revenue", "expense")
    )
    answers["properties"] = {
        "company": company.id,
        "account_receivable": receivable,
        "account_payable": payable,
        "category_account_revenue": revenue,
        "category_account_expense": expense,
    }
    button = "create_properties"
    rpc.ask("wizard.account.create_chart.execute", wizard, answers, button, rpc.context)
    rpc.ask("wizard.account.create_chart.delete", wizard, rpc.context)

    cash, tax = (
        rpc.only("account.account", [["code", "=", code]])["id"] for code in ("1.1.1", "6.3.6")
    )
    electronic = {"name": "电子收款 Card and wallet", "code": "1.1.1-E"}
    [bank] = rpc.call("account.account", "copy", [cash], electronic)
    title = "增值税 VAT 13%"
    percentage = {"name": title, "description": title, "type": "percentage", "rate": VAT}
    accounts = {"invoice_account": tax, "credit_note_account": tax}
    vat = rpc.add("account.tax", **percentage, **accounts, company=company.id)
    for year in range(today().year - 1, today().year + 3):  # the cache may be kept for long
        open_year(rpc, company, year)
    return Books(revenue, expense, cash, bank, vat)


def open_year(rpc: TrytonRpc, company: Company, year: int) -> None:
    def sequence(kind: str) -> int:
        kind_id = rpc.only("ir.sequence.type", [["name", "=", kind]])["id"]
        numbering = {"name": f"{kind} {year}", "sequence_type": kind_id, "prefix": f"{year}/"}
        return rpc.add("ir.sequence.strict", **numbering, company=company.id)

    moves, invoices = sequence("Account Move"), sequence("Invoice")
    directions = ("out_invoice", "in_invoice", "out_credit_note", "in_credit_note")
    numbers = {f"{direction}_sequence": invoices for direction in directions}
    fiscal_year = rpc.add(
        "account.fiscalyear",
        name=str(year),
        company=company.id,
        start_date=date(year, 1, 1),
        end_date=date(year, 12, 31),
        move_sequence=moves,
        invoice_sequences=[["create", [{"company": company.id, **numbers}]]],
    )
    rpc.call("account.fiscalyear", "create_period", [fiscal_year])


def build_locations(rpc: TrytonRpc, company: Company) -> dict[str, int]:
    """Makes warehouses of all sites. Gives the zone that holds each one's goods, by site code."""
    roles = {"input_location": "IN", "storage_location": "STO", "output_location": "OUT"}
    central = rpc.only("stock.location", [["type", "=", "warehouse"]], *roles)
    names = {"name": "中央仓 Central Warehouse", "code": "CW01"}
    rpc.call("stock.location", "write", [central["id"]], names)
    for role, suffix in roles.items():
        rpc.call("stock.location", "write", [central[role]], {"code": f"CW01-{suffix}"})

    zones = {"CW01": int(central["storage_location"])}
    lost = rpc.only("stock.location", [["type", "=", "lost_found"]])["id"]
    for code, name, *where in SHOPS:
        place = dict(zip(("street", "city", "postal_code"), where, strict=True))
        owner = {"party": company.party, "party_name": name, "country": company.country}
        address = rpc.add("party.address", **place, **owner)
        floor = {"name": f"{name} 卖场 Floor", "code": f"{code}-STO"}
        zone = rpc.add("stock.location", **floor, type="storage")
        warehouse = rpc.add(
            "stock.location",
            **dict.fromkeys(roles, zone),
            name=name,
            code=code,
            type="warehouse",
            address=address,
            lost_found_location=lost,
        )
        rpc.call("stock.location", "write", [zone], {"parent": warehouse})
        zones[code] = zone
    return zones


def build_tills(rpc: TrytonRpc, company: Company, books: Books, zones: Mapping[str, int]) -> None:
    customers = rpc.only("stock.location", [["type", "=", "customer"]])["id"]
    journal = _first(rpc, "account.journal", [["type", "=", "revenue"]])
    kind = _known(rpc, "sale_point", "sequence_type_sale")
    for code, *_ in SHOPS:
        tickets: dict[str, Any] = {
            "name": f"{code} 小票 Tickets",
            "prefix": f"{code}-",
            "padding": 6,
        }
        rpc.add(
            "sale.point",
            name=f"{code} 收银台 Till",
            company=company.id,
            sequence=rpc.add(
                "ir.sequence.strict", **tickets, sequence_type=kind, company=company.id
            ),
            tax_included=True,
            storage_location=zones[code],
            return_location=zones[code],
            customer_location=customers,
            journal=journal,
        )
    for name in ("现金 Cash", "微信支付 WeChat Pay", "支付宝 Alipay", "银行卡 Card"):
        cash = name.endswith("Cash")
        account = books.cash if cash else books.bank
        method = {"name": name, "account": account, "cash": cash}
        rpc.add("sale.point.payment.method", **method, company=company.id)


def enter_products(rpc: TrytonRpc, books: Books) -> None:
    taxed = rpc.add(
        "product.category",
        name="增值税 VAT 13%",
        accounting=True,
        account_revenue=books.revenue,
        account_expense=books.expense,
        customer_taxes=[["add", [books.vat]]],
    )
    unit = _known(rpc, "product", "uom_unit")
    common = {
        "type": "goods",
        "default_uom": unit,
        "sale_uom": unit,
        "salable": True,
        "cost_price_method": "fixed",
        "account_category": taxed,
    }
    templates: list[dict[str, Any]] = []
    for department in (BEAUTY, LEATHER):
        category = rpc.add("product.category", name=department.name)
        shelf = {"categories": [["add", [category]]]}
        templates += [{**common, **shelf, **template} for template in catalogue(department)]
    for start in range(0, len(templates), TEMPLATES_PER_CALL):
        rpc.create("product.template", *templates[start : start + TEMPLATES_PER_CALL])


def catalogue(department: Department) -> Iterator[dict[str, Any]]:
    """Every brand has every style. Codes read: department, brand, style, variant (BT0103-02)."""
    for brand_number, (brand, percent) in enumerate(department.brands.items(), 1):
        for style_number, row in enumerate(department.styles.strip().splitlines(), 1):
            chinese, english, price, step, options = row.strip().split(" | ")
            code = f"{department.prefix}{brand_number:02}{style_number:02}"
            gross = int(price) * percent // 100
            ladder = int(step) * percent // 100
            yield {
                "name": f"{brand} {chinese} {english}",
                "code": code,
                **_prices(gross),
                "products": [["create", list(variants(options, code, gross, ladder))]],
            }


def variants(options: str, code: str, price: int, step: int) -> Iterator[dict[str, Any]]:
    """Sizes have prices of their own; shades and colours keep the template's."""
    department = "1" if code.startswith(BEAUTY.prefix) else "2"
    for number, option in enumerate(options.split(", "), 1):
        gross = price + step * (number - 1)
        barcode = ean13(f"6958{department}{code[2:]}{number:03}")
        yield {
            "suffix_code": f"-{number:02}",
            "description": option,
            "cost_price": Decimal(gross) * 35 / 100,
            "identifiers": [["create", [{"type": "ean", "code": barcode}]]],
            **(_prices(gross) if gross != price else {}),
        }


def _prices(gross: int) -> dict[str, Decimal]:
    """Tryton keeps both and derives neither."""
    net = (Decimal(gross) / (1 + VAT)).quantize(Decimal("0.0001"))
    return {"list_price": net, "gross_price": Decimal(gross)}


def ean13(digits: str) -> str:
    """Twelve digits and their check digit."""
    assert len(digits) == 12
    weighted = sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits))
    return f"{digits}{-weighted % 10}"


def count_opening_stock(rpc: TrytonRpc, company: Company, site: str, zone: int) -> None:
    """Plenty in the warehouse; few in a shop, and of about one SKU in seven none at all."""
    dice = Random(site)
    few = (0, 1, 2, 3, 4, 6, 9)
    lines = []
    for product in rpc.search_read("product.product", [], ["id"]):
        units = dice.randint(40, 240) if site == "CW01" else dice.choice(few)
        if units:
            lines.append({"product": product["id"], "quantity": float(units)})
    count = {"location": zone, "company": company.id, "date": today(), "empty_quantity": "keep"}
    inventory = rpc.add("stock.inventory", **count, lines=[["create", lines]])
    rpc.call("stock.inventory", "confirm", [inventory])


def enter_customers(rpc: TrytonRpc, company: Company) -> None:
    rest = {"type": "remainder"}
    prepaid = rpc.add(
        "account.invoice.payment_term", name="预付 Prepaid", lines=[["create", [rest]]]
    )
    walk_in = ("ONLINE", "线上散客 Online customer", "", "")
    for number, (code, name, phone, email) in enumerate([walk_in, *CUSTOMERS], 100):
        address = {"street": f"武康路 {number} 号", "city": "上海", "country": company.country}
        contacts = [
            {"type": kind, "value": value}
            for kind, value in (("mobile", phone), ("email", email))
            if value
        ]
        rpc.add(
            "party.party",
            code=code,
            name=name,
            customer_payment_term=prepaid,
            addresses=[["create", [address]]],
            contact_mechanisms=[["create", contacts]],
        )


def enter_users(rpc: TrytonRpc, company: Company, passwords: Mapping[str, str]) -> None:
    groups = {row["name"]: row["id"] for row in rpc.search_read("res.group", [], ["name"])}
    for login, names in GROUPS.items():
        rpc.add(
            "res.user",
            name=login,
            login=login,
            password=passwords[login],
            companies=[["add", [company.id]]],
            company=company.id,
            groups=[["add", [groups[name] for name in names.split(", ")]]],
        )


def _first(rpc: TrytonRpc, model: str, domain: list[Any]) -> int:
    return int(rpc.search_read(model, domain, ["id"])[0]["id"])


def _known(rpc: TrytonRpc, module: str, name: str) -> int:
    """The id of a record that a Tryton module brought along."""
    return int(rpc.call("ir.model.data", "get_id", module, name))
