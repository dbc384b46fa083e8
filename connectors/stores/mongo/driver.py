"""The driver of MongoDB: the only module that imports it, so that another driver is one file.

What of it is used by others has a name here: how it connects, what it promises of a read and of a
write, and what its errors mean.
"""

from typing import Any

import bson
from bson import Int64, ObjectId
from bson.codec_options import CodecOptions, TypeDecoder, TypeRegistry
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession
from pymongo import ReadPreference, ReturnDocument, WriteConcern
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    InvalidName,
    InvalidURI,
    OperationFailure,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern

from connectors.stores.mongo.session import DUPLICATE, Document, Moved
from connectors.stores.unusable import StoreUnusable
from resolvers.domain.errors import Contended

Client = AsyncIOMotorClient[Document]
ClientSession = AsyncIOMotorClientSession

DriverError = PyMongoError
"""Everything that the driver raises."""

Login = tuple[str, str]
"""A user of the database, and the password."""

_SELECT_MS, _CONNECT_MS = 5_000, 5_000
_SOCKET_MS = 30_000  # a count over a very large collection takes some of it
_ACKNOWLEDGED_MS = 10_000  # how long a majority may take: one that is not there never answers

DURABLE = WriteConcern("majority", j=True, wtimeout=_ACKNOWLEDGED_MS)
PASSING = WriteConcern(1, j=False)
MAJORITY = ReadConcern("majority")
LOCAL = ReadConcern("local")
SNAPSHOT = ReadConcern("snapshot")
PRIMARY = ReadPreference.PRIMARY
AFTER = ReturnDocument.AFTER

EXISTS = 48
"""The code of a collection that is there already."""

_CONFLICT, _GONE, _UNACKNOWLEDGED = 112, 251, 64
_READ_AGAIN = (43, 175, 239, 246)  # a cursor or a moment that is gone, or is not there yet
_FORBIDDEN = (13, 18)


class _Plain(TypeDecoder):
    """Large numbers as Python has them; the driver's own kind is not one that JSON takes."""

    bson_type = Int64

    def transform_bson(self, value: Any) -> int:
        return int(value)


CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True, type_registry=TypeRegistry([_Plain()]))


def connect(url: str, name: str, shown: str, login: Login | None) -> tuple[Client, Any]:
    """A client and its database; it connects when it is first asked something.

    Raises:
        StoreUnusable: the address cannot be one.
    """
    more: Any = {} if login is None else {"username": login[0], "password": login[1]}
    try:
        client: Client = AsyncIOMotorClient(
            url,
            tz_aware=True,
            appname="unified-commerce-gateway",
            serverSelectionTimeoutMS=_SELECT_MS,
            connectTimeoutMS=_CONNECT_MS,
            socketTimeoutMS=_SOCKET_MS,
            **more,
        )
        database = client.get_database(
            name,
            CODEC,
            # Whatever the address says: others may be behind, and take no transactions.
            read_preference=PRIMARY,
            read_concern=MAJORITY,
            write_concern=DURABLE,
        )
    except (InvalidURI, ConfigurationError, InvalidName, ValueError):
        raise StoreUnusable(
            f"the store {shown} has an address that MongoDB's driver does not take: see that it"
            " reads mongodb://host:port/?replicaSet=name"
        ) from None  # its own words may show a password
    return client, database


def new_id() -> object:
    """An id that nobody has used."""
    return ObjectId()


def bytes_of(document: Document) -> int:
    """How much a document takes on its way to the server."""
    return len(bson.encode(document))


def code_of(error: BaseException) -> int | None:
    """MongoDB's code of an error, if it has one."""
    return getattr(error, "code", None)


def unanswered(error: BaseException) -> bool:
    """Says whether nobody answered."""
    return isinstance(error, ConnectionFailure)


def unknown(error: PyMongoError) -> bool:
    """Says whether a transaction may have been committed or not."""
    return error.has_error_label("UnknownTransactionCommitResult")


def passes(error: Exception) -> bool:
    """Says whether the same transaction may go through when it is tried again."""
    if isinstance(error, Moved) or unanswered(error):
        return True
    return isinstance(error, PyMongoError) and (
        error.has_error_label("TransientTransactionError")
        # A transaction that is gone may have been committed: then its key or its versions say so.
        or code_of(error) in (DUPLICATE, _CONFLICT, _GONE)
    )


def read_again(error: PyMongoError) -> bool:
    """Says whether the server lost the thread of a reading, so that it is to be begun anew."""
    return code_of(error) in _READ_AGAIN


def told_of(error: Exception, shown: str) -> Exception:
    """What a caller or a person can do about an error; itself if it is a bug."""
    if code_of(error) in _FORBIDDEN:
        return StoreUnusable(
            f"the store {shown} does not let this user in; see the user, its password and its"
            " rights: it needs readWrite on the database"
        )
    if unanswered(error) or code_of(error) == _UNACKNOWLEDGED:
        return Contended(f"the store {shown} does not answer; try again")
    return error


def cause_of(error: Exception) -> Exception | None:
    """The cause to be kept with an error, unless it might show the address and its password."""
    return error if isinstance(error, OperationFailure | ConnectionFailure | Moved) else None
