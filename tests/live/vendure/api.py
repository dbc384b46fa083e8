"""Vendure's two APIs as its own people use them: administrators, and shoppers with a cart.

Nothing of the gateway is used, so that what it says can be compared with this.
"""

import http.client
import json
from typing import Any

SECONDS = 60

REFUSED = "... on ErrorResult { errorCode message }"


class ApiRefused(Exception):
    """Vendure said no; ``code`` is its own word for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Api:
    """One session at one of the APIs: ``admin-api`` or ``shop-api``."""

    def __init__(self, port: int, path: str, channel: str | None = None) -> None:
        self.port = port
        self.path = path
        self.channel = channel
        self.token: str | None = None

    def whole(
        self, query: str, variables: dict[str, Any] | None = None, **besides: str
    ) -> dict[str, Any]:
        """The answer as it came, with its errors; ``besides`` are more headers, ``_`` for ``-``."""
        headers = {"content-type": "application/json"}
        headers |= {name.replace("_", "-"): told for name, told in besides.items()}
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token}"
        if self.channel is not None:
            headers["vendure-token"] = self.channel
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            body = json.dumps({"query": query, "variables": variables or {}})
            connection.request("POST", f"/{self.path}", body, headers)
            response = connection.getresponse()
            self.token = response.getheader("vendure-auth-token") or self.token
            answer: dict[str, Any] = json.loads(response.read())
        finally:
            connection.close()
        return answer

    def ask(self, query: str, **variables: Any) -> Any:
        """The first field of the answer."""
        answer = self.whole(query, variables)
        if answer.get("errors"):
            error = answer["errors"][0]
            raise ApiRefused(error.get("extensions", {}).get("code", "ERROR"), error["message"])
        [first] = answer["data"].values()
        if isinstance(first, dict) and "errorCode" in first:
            raise ApiRefused(first["errorCode"], first["message"])
        return first

    def log_in(self, user: str, password: str) -> None:
        self.ask(
            "mutation($u: String!, $p: String!) { login(username: $u, password: $p)"
            f" {{ ... on CurrentUser {{ id }} {REFUSED} }} }}",
            u=user,
            p=password,
        )

    def made(self, what: str, input: dict[str, Any], fields: str = "id") -> Any:
        """Creates or changes something by the mutation of this name, which takes one input."""
        kind = f"{what[0].upper()}{what[1:]}Input"
        return self.ask(
            f"mutation($input: {kind}!) {{ {what}(input: $input) {{ {fields} }} }}", input=input
        )


class Shopper:
    """Somebody with a cart: a guest, who says who it is, or a customer, who logs in."""

    def __init__(self, port: int, channel: str | None = None) -> None:
        self.api = Api(port, "shop-api", channel)

    def takes(self, variant: str, quantity: int) -> None:
        """Puts units into the cart."""
        self.api.ask(
            "mutation($v: ID!, $q: Int!) { addItemToOrder(productVariantId: $v, quantity: $q)"
            f" {{ ... on Order {{ id }} {REFUSED} }} }}",
            v=variant,
            q=quantity,
        )

    def redeems(self, coupon: str) -> None:
        self.api.ask(
            "mutation($c: String!) { applyCouponCode(couponCode: $c)"
            f" {{ ... on Order {{ id }} {REFUSED} }} }}",
            c=coupon,
        )

    def says_who(self, first: str, last: str, email: str, phone: str) -> None:
        """Gives a guest's name, telephone number and address."""
        who = {"firstName": first, "lastName": last, "emailAddress": email, "phoneNumber": phone}
        self.api.ask(
            "mutation($i: CreateCustomerInput!) { setCustomerForOrder(input: $i)"
            f" {{ ... on Order {{ id }} {REFUSED} }} }}",
            i=who,
        )
        self.lives(f"{last}{first}", phone)

    def logs_in(self, email: str, password: str) -> None:
        self.api.log_in(email, password)

    def lives(self, name: str, phone: str) -> None:
        """Gives an address."""
        where = {
            "fullName": name,
            "streetLine1": "武康路 100 号",
            "city": "上海",
            "province": "上海",
            "postalCode": "200031",
            "countryCode": "CN",
            "phoneNumber": phone,
        }
        self.api.ask(
            "mutation($i: CreateAddressInput!) { setOrderShippingAddress(input: $i)"
            f" {{ ... on Order {{ id }} {REFUSED} }} }}",
            i=where,
        )

    def pays(self, shipping: str = "express", method: str = "test-pay") -> dict[str, Any]:
        """Chooses the way, pays, and gets the order."""
        self.checks_out(shipping)
        return self.settles(method)

    def checks_out(self, shipping: str = "express") -> None:
        """Chooses the way, and stands before the payment: from here on stock is not asked for."""
        ways = self.api.ask("{ eligibleShippingMethods { id code } }")
        [way] = [it["id"] for it in ways if it["code"] == shipping]
        self.api.ask(
            "mutation($m: [ID!]!) { setOrderShippingMethod(shippingMethodId: $m)"
            f" {{ ... on Order {{ id }} {REFUSED} }} }}",
            m=[way],
        )
        self.api.ask(
            'mutation { transitionOrderToState(state: "ArrangingPayment")'
            f" {{ ... on Order {{ id }} {REFUSED} }} }}"
        )

    def settles(self, method: str = "test-pay") -> dict[str, Any]:
        """Pays, and gets the order."""
        order: dict[str, Any] = self.api.ask(
            "mutation($m: String!) { addPaymentToOrder(input: {method: $m, metadata: {}})"
            " { ... on Order { id code state totalWithTax shippingWithTax"
            f" lines {{ id quantity unitPriceWithTax }} }} {REFUSED} }} }}",
            m=method,
        )
        return order
