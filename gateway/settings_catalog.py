"""The settings of the catalogue: whom to believe about what, and other names of SKUs."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields

from gateway.settings_file import Reader, about, shown
from resolvers.domain.merging import Attribute
from resolvers.terms import CatalogTerms

_BELIEVED = "a list of codes of [[backends]]"


def _believed(what: str) -> dict[str, object]:
    return about(f"Backends to believe about {what}, before the others.", kind=_BELIEVED)


@dataclass(frozen=True, slots=True)
class Catalog:
    """Whom to believe when several backends say something of a product. Who is not named comes
    after who is: master data before listings, but a listing first about the price of its channel.
    """

    title: tuple[str, ...] = field(default=(), metadata=_believed("titles, language by language"))
    brand: tuple[str, ...] = field(default=(), metadata=_believed("brands"))
    description: tuple[str, ...] = field(default=(), metadata=_believed("descriptions"))
    media: tuple[str, ...] = field(default=(), metadata=_believed("pictures and films"))
    categories: tuple[str, ...] = field(default=(), metadata=_believed("categories"))
    barcodes: tuple[str, ...] = field(
        default=(), metadata=_believed("barcodes, which add up: whose come first")
    )
    options: tuple[str, ...] = field(default=(), metadata=_believed("what tells variants apart"))
    prices: tuple[str, ...] = field(default=(), metadata=_believed("prices, channel by channel"))
    cost: tuple[str, ...] = field(default=(), metadata=_believed("what a unit costs the retailer"))
    aliases: Mapping[str, str] = field(
        default_factory=dict,
        metadata=about(
            "SKUs by other codes that sellers write on listings; `unmatchedListings` suggests them."
        ),
    )

    def terms(self) -> CatalogTerms:
        """The same for the flows."""
        said = {at.value: getattr(self, at.value) for at in Attribute}
        return CatalogTerms({name: codes for name, codes in said.items() if codes}, self.aliases)


assert {at.value for at in Attribute} | {"aliases"} == {item.name for item in fields(Catalog)}


def check_catalog(reader: Reader, catalog: Catalog, backends: Collection[str]) -> None:
    """Refuses codes that no backend has."""
    if any(problem.key.startswith("backends") for problem in reader.problems):
        return  # it may be one of those that cannot be read
    for at in Attribute:
        unknown = [code for code in getattr(catalog, at.value) if code not in backends]
        if unknown:
            expected = f"codes of [[backends]] ({', '.join(backends) or 'none is configured'})"
            reader.refuse_value(f"catalog.{at.value}", expected, shown(unknown))
