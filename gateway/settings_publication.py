"""Settings of what marketplaces are told that they may sell."""

from dataclasses import dataclass, field

from gateway.settings_file import about


@dataclass(frozen=True, slots=True)
class PublicationSettings:
    """How marketplaces are told what they may sell; `docs/publication.md` says what is told."""

    debounce_seconds: float = field(
        default=0.3,
        metadata=about(
            "Pause after a change in which others are gathered, so that all are told together.",
            low=0,
            high=60,
        ),
    )
    whole_seconds: float = field(
        default=300.0,
        metadata=about(
            "Pause between two looks at every listing's number; what nobody told of is found then.",
            low=1,
            high=86_400,
        ),
    )
