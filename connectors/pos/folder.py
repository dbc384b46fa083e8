"""A till or warehouse system that drops CSV files into a folder, and takes our sales from it: one
configured folder, with the roles it plays.

What it drops: ``products.csv``, ``locations.csv``, ``stock-LOCATION.csv``, ``inbox/tickets-*.csv``.
What it takes: ``orders-out/*.csv``. Each role has a module of its own beside this one.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote
from zoneinfo import ZoneInfo

from connectors.drop_folder import AHEAD_MAX_SECONDS, DropFolder
from connectors.options import BadOption
from connectors.pos.folder_desk import Desk, words_of
from connectors.pos.folder_events import Events
from connectors.pos.folder_goods import PLACES, PRODUCTS, Goods
from connectors.pos.folder_tickets import DONE, INBOX, Tickets
from connectors.pos.folder_translate import FolderTerms, translate_sale
from resolvers.backend_ports import Backend, Capabilities, Idempotency, Probe, Role, WriteResult
from resolvers.domain.errors import BackendTimedOut, BackendUnavailable, UnknownOutcome
from resolvers.domain.locations import Channel, ChannelKind
from resolvers.domain.outbox import Sale
from resolvers.domain.sources import StockSource, Watermark

VENDOR = "folder"
OUT, OWN = "orders-out", "orders-out/.gateway"

PATH, CHANNEL, QUIET, ENCODING, LOCALE = "path", "channel", "quiet_seconds", "encoding", "locale"
OPTIONS = (PATH, CHANNEL, QUIET, ENCODING, LOCALE)
ENCODINGS = {"auto": None, "utf-8": "utf-8-sig", "gb18030": "gb18030"}
QUIET_DEFAULT, QUIET_MAX = "2", 3600.0

SALES_PER_CALL = 20
STAMPS_SECONDS = 1.0
"""Tills and counts are stamped to the second: within one nobody knows which came first."""

_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def wall_clock() -> datetime:
    """The time, aware UTC."""
    return datetime.now(UTC)


def backend(
    *,
    code: str,
    channels: Sequence[Channel],
    time_zone: str,
    timeout_seconds: float = 10.0,
    poll_seconds: float = 2.0,
    options: Mapping[str, str] = MappingProxyType({}),
    clock: Callable[[], datetime] = wall_clock,
) -> Backend:
    """One folder. ``time_zone`` is that of instants that name none; ``timeout_seconds`` bounds one
    look into it.

    Options: ``path`` (where it is), ``channel`` (of ours: that of its tickets and plain prices),
    ``quiet_seconds`` (how long a file has not been written when it is read), ``encoding``,
    ``locale`` (of its titles).

    Raises:
        BadOption: one of the options cannot be meant.
    """
    for name in options:
        if name not in OPTIONS:
            raise BadOption(name, f"no other options than {', '.join(OPTIONS)}", "one of this name")
    files = DropFolder(code, _path(options), clock, _quiet(options), _encoding(options))
    desk = Desk(files, _terms(code, channels, time_zone, options), timeout_seconds)
    tickets = Tickets(desk)
    goods = Goods(desk, tickets)
    return Backend(
        code,
        VENDOR,
        Capabilities(
            roles=(
                Role.CATALOG_SOURCE,
                Role.LOCATION_SOURCE,
                Role.STOCK_FEED,
                Role.ORDER_SOURCE,
                Role.ORDER_SINK,
                Role.EVENT_PULLER,
            ),
            idempotency=Idempotency.EXTERNAL_REFERENCE,
            stock=StockSource(watermark=Watermark.CLOCK, resolution_seconds=STAMPS_SECONDS),
            delta="a file is read when it is another; tickets as they come",
            cancels=True,
            sales_per_call=SALES_PER_CALL,
            write_seconds_max=timeout_seconds,
            calls_at_once=1,
            pulls_events=True,
        ),
        health=Look(desk),
        poll_seconds=poll_seconds,
        timeout_seconds=timeout_seconds,
        catalog=goods,
        locations=goods,
        stock=goods,
        movements=goods,
        order_source=tickets,
        order_sink=Counter(desk),
        deliveries=tickets,
        puller=Events(desk, goods),
        close=desk.close,
    )


class Counter:
    """Takes our sales: each a file of its own, put down once."""

    def __init__(self, desk: Desk) -> None:
        """Writes nothing yet."""
        self._desk = desk

    async def place(self, sales: Sequence[Sale], *, second_try: bool) -> Sequence[WriteResult]:
        """Puts sales down.

        Raises:
            BackendUnavailable: the folder cannot be used; none of them lies there.
            UnknownOutcome: it took too long, or failed on the way; some of them may lie there.
        """
        del second_try  # a note beside each file says at every try whether it was put down
        put: list[WriteResult] = []
        try:
            await self._put(sales, "PLACE", put)
        except BackendUnavailable as error:
            if not put:
                raise
            raise UnknownOutcome(str(error), backend=self._desk.terms.code) from error
        return put

    async def cancel(self, sale: Sale) -> WriteResult:
        """Puts down that a sale is off. Raises as ``place``."""
        put: list[WriteResult] = []
        await self._put([sale], "CANCEL", put)
        return put[0]

    async def _put(self, sales: Sequence[Sale], action: str, put: list[WriteResult]) -> None:
        """Puts down all of them as one piece of work, and notes each that lies there."""
        try:
            await self._desk.ask(self._put_down, sales, action, put)
        except BackendTimedOut as error:
            raise UnknownOutcome(str(error), backend=self._desk.terms.code) from None

    def _put_down(self, sales: Sequence[Sale], action: str, put: list[WriteResult]) -> None:
        encoding = self._desk.files.encoding or "utf-8-sig"
        for sale in sales:
            name = file_name(sale.reference, action)
            content = translate_sale(sale, action).encode(encoding)
            self._desk.files.put(name, content, OUT, OWN)
            put.append(WriteResult(sale.reference, name))


def file_name(reference: str, action: str) -> str:
    """The name of a sale's file: its reference, with ``@`` where that has a stroke."""
    plain = quote(reference, safe="-_.").replace("%2F", "@")
    return f"{plain}.cancel.csv" if action == "CANCEL" else f"{plain}.csv"


class Look:
    """Says whether a folder is there, may be used, and has what it should."""

    def __init__(self, desk: Desk) -> None:
        """Looks at nothing yet."""
        self._desk = desk

    async def probe(self) -> Probe:
        """Looks into it, and writes into each of its folders."""
        path, here = self._desk.files.path, f"backends.{self._desk.terms.code}"
        try:
            return await self._desk.ask(self._seen, here)
        except BackendTimedOut as error:
            remedy = f"see whether the disk or share of {path} answers"
            return Probe(good=False, detail=str(error), remedy=remedy)
        except BackendUnavailable as error:
            remedy = f"make the folder {path}, or compare {here}.options.{PATH}"
            return Probe(good=False, detail=str(error), remedy=remedy)

    def _seen(self, here: str) -> Probe:
        files = self._desk.files
        names = files.entries(re.compile(r".*\.csv"))  # before anything is made in it
        for folder in (INBOX, DONE, OUT, OWN):
            try:
                ahead = files.clock_ahead(folder)
            except OSError as error:
                remedy = f"let the gateway's user write in {files.path / folder}"
                return Probe(good=False, detail=words_of(error), remedy=remedy)
            if abs(ahead) > AHEAD_MAX_SECONDS:
                detail = f"the clock that stamps files in {folder} is {ahead:+.0f} s from ours"
                remedy = "set both by the same time service; files from the future are not read"
                return Probe(good=False, detail=detail, remedy=remedy)
        there = [it.name for it in names]
        if lacking := [name for name in (PRODUCTS, PLACES) if name not in there]:
            detail = f"there is no {' and no '.join(lacking)} that has rested"
            remedy = f"have it put into {files.path}; compare {here}.options.{PATH}"
            return Probe(good=False, detail=detail, remedy=remedy)
        counts = sum(name.startswith("stock-") for name in there)
        return Probe(good=True, detail=f"products, locations, {counts} files of stock")


# ---- what the settings say ----------------------------------------------------------------------


def _path(options: Mapping[str, str]) -> Path:
    told = options.get(PATH, "")
    if not Path(told).is_absolute():
        raise BadOption(PATH, "the whole path of a folder, such as /srv/till", repr(told))
    return Path(told)


def _quiet(options: Mapping[str, str]) -> float:
    told = options.get(QUIET, QUIET_DEFAULT)
    try:
        seconds = float(told)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= QUIET_MAX:
        raise BadOption(QUIET, f"seconds, 0 to {QUIET_MAX:g}", repr(told))
    return seconds


def _encoding(options: Mapping[str, str]) -> str | None:
    told = options.get(ENCODING, "auto").lower()
    if told not in ENCODINGS:
        raise BadOption(ENCODING, f"one of {', '.join(ENCODINGS)}", repr(told))
    return ENCODINGS[told]


def _terms(
    code: str, channels: Sequence[Channel], time_zone: str, options: Mapping[str, str]
) -> FolderTerms:
    ours = {channel.code: channel for channel in channels}
    shops = [channel for channel in channels if channel.kind is ChannelKind.IN_STORE]
    told = options.get(CHANNEL)
    if told is None and len(shops) == 1:
        told = shops[0].code
    if told not in ours:
        expected = f"the channel that its tickets are sold in, one of {', '.join(ours) or 'none'}"
        raise BadOption(CHANNEL, expected, "nothing" if told is None else repr(told))
    locale = options.get(LOCALE, "zh-CN")
    if _LOCALE.fullmatch(locale) is None:
        raise BadOption(LOCALE, "a language tag, such as zh-CN", repr(locale))
    return FolderTerms(code, ours[told], tuple(channels), ZoneInfo(time_zone), locale)
