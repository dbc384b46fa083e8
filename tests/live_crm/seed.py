"""Enters an organization, three users, their tokens and everybody into an empty CRM.

Run by ``house.py`` with the CRM's own Python; writes what one logs in with to the file it is given.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import django  # type: ignore[import-not-found]  # it lives in the CRM's environment

django.setup()

# Django's models can be imported once it is set up.
from common.models import (  # type: ignore[import-not-found]  # noqa: E402
    CustomFieldDefinition,
    Org,
    PersonalAccessToken,
    Profile,
    Tags,
    User,
)
from common.serializer import OrgAwareRefreshToken  # type: ignore[import-not-found]  # noqa: E402
from common.tasks import set_rls_context  # type: ignore[import-not-found]  # noqa: E402
from contacts.models import Contact  # type: ignore[import-not-found]  # noqa: E402
from django.db import transaction  # type: ignore[import-not-found]  # noqa: E402
from people import FIELDS, TAGS, people  # type: ignore[import-not-found]  # noqa: E402
from webhooks import emit  # type: ignore[import-not-found]  # noqa: E402

ORGANIZATION = "优选零售"
ADMIN, GUIDE = "crm-admin@example.com", "guide@example.com"
RIGHTS = ["contacts:read", "tags:read", "custom-fields:read", "profile:read"]
"""All that the gateway's token may do."""


def organization() -> tuple[Any, dict[str, Any]]:
    org = Org.objects.create(
        name=ORGANIZATION,
        company_name=ORGANIZATION,
        default_currency="CNY",
        default_country="CN",
        timezone="Asia/Shanghai",
    )
    set_rls_context(org.id)
    profiles = {}
    for email, role in ((ADMIN, "ADMIN"), (GUIDE, "USER")):
        user = User.objects.create_user(email=email, password=None)
        profiles[email] = Profile.objects.create(user=user, org=org, role=role, is_active=True)
    return org, profiles


def words(org: Any) -> dict[str, Any]:
    """Tags and custom fields; the tags by name."""
    for place, (key, kind) in enumerate(FIELDS):
        CustomFieldDefinition.objects.create(
            org=org,
            target_model="Contact",
            key=key,
            label=key,
            field_type=kind,
            display_order=place,
            is_filterable=True,
        )
    return {
        name: Tags.objects.create(org=org, slug=Tags.slug_for(name), name=name) for name in TAGS
    }


def enter(org: Any, author: Any, tags: dict[str, Any]) -> None:
    with transaction.atomic():
        for person in people():
            contact = Contact.objects.create(
                org=org,
                source_ref=person.ref,
                created_by=author,
                updated_by=author,
                country="CN",
                first_name=person.first_name,
                last_name=person.last_name,
                phone=person.phone,
                email=person.email,
                custom_fields=person.fields,
            )
            contact.tags.set([tags[name] for name in person.tags])


def secrets(org: Any, profiles: dict[str, Any]) -> dict[str, str]:
    """What one logs in with: tokens of the gateway and of a guide, and an administrator's session,
    without which nobody manages tokens and webhooks.
    """
    admin = profiles[ADMIN]
    session = OrgAwareRefreshToken.for_user_and_org(admin.user, org, admin)
    known = {"org": str(org.id), "session": str(session.access_token)}
    for name, owner, scopes in (
        ("gateway", ADMIN, RIGHTS),
        ("staff", ADMIN, []),
        ("guide", GUIDE, []),
    ):
        known[name], _ = PersonalAccessToken.generate(profiles[owner], name, scopes=scopes)
    return known


def main() -> None:
    emit.publish_entries = lambda entries: None  # nobody listens yet
    org, profiles = organization()
    enter(org, profiles[ADMIN].user, words(org))
    file = os.open(Path(sys.argv[1]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as kept:
        json.dump(secrets(org, profiles), kept)
    print(f"{Contact.objects.filter(org=org).count()} contacts")


if __name__ == "__main__":
    main()
