"""Tables of the SQLite store, one string for each version of the layout; a newer one is appended.

Instants are integers: microseconds since 1970 (UTC). Bodies are JSON of the domain's records, so
that a person at night can read them with any SQLite shell. The sort keys of products (``age``,
``cheap``, ``dear``) are such that every order is ascending.
"""

APPLICATION = int.from_bytes(b"UCGW")
"""SQLite's mark of whose file it is, so that no other program's file is taken for a store."""

LAYOUT = (
    """
    CREATE TABLE journal (batch INTEGER PRIMARY KEY, at INTEGER NOT NULL, entries BLOB NOT NULL);
    CREATE TABLE journal_skus (sku TEXT NOT NULL, batch INTEGER NOT NULL,
        PRIMARY KEY (sku, batch)) WITHOUT ROWID;
    CREATE TABLE streams (sku TEXT PRIMARY KEY, version INTEGER NOT NULL, at INTEGER NOT NULL)
        WITHOUT ROWID;
    CREATE TABLE positions (sku TEXT NOT NULL, location TEXT NOT NULL, on_hand INTEGER NOT NULL,
        soft INTEGER NOT NULL, hard INTEGER NOT NULL, elsewhere INTEGER NOT NULL,
        incoming INTEGER NOT NULL, changed_at INTEGER NOT NULL,
        PRIMARY KEY (sku, location)) WITHOUT ROWID;
    CREATE TABLE pins (sku TEXT NOT NULL, reservation TEXT NOT NULL, location TEXT NOT NULL,
        quantity INTEGER NOT NULL, until INTEGER, tentative INTEGER NOT NULL,
        channel TEXT, day TEXT, member TEXT,
        PRIMARY KEY (sku, reservation, location)) WITHOUT ROWID;
    CREATE INDEX pins_by_reservation ON pins (reservation);
    CREATE INDEX pins_due ON pins (sku, until) WHERE until IS NOT NULL;
    CREATE TABLE unseen (id TEXT PRIMARY KEY, sku TEXT NOT NULL, location TEXT NOT NULL,
        on_hand INTEGER NOT NULL, acknowledged INTEGER, sent INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX unseen_by_sku ON unseen (sku);
    CREATE INDEX unseen_by_location ON unseen (location, id);
    CREATE TABLE taken (sku TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
        units INTEGER NOT NULL, PRIMARY KEY (sku, kind, name)) WITHOUT ROWID;
    CREATE TABLE rules (version INTEGER PRIMARY KEY, code TEXT NOT NULL, body BLOB NOT NULL);
    CREATE TABLE reservations (id TEXT PRIMARY KEY, status TEXT NOT NULL, expires_at INTEGER,
        body BLOB NOT NULL) WITHOUT ROWID;
    CREATE INDEX reservations_due ON reservations (expires_at, id) WHERE status = 'HELD';

    CREATE TABLE orders (id TEXT PRIMARY KEY, number TEXT NOT NULL UNIQUE, status TEXT NOT NULL,
        channel TEXT NOT NULL, subject TEXT NOT NULL, member TEXT, location TEXT,
        placed_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, due_at INTEGER,
        body BLOB NOT NULL) WITHOUT ROWID;
    CREATE INDEX orders_by_age ON orders (placed_at DESC, id DESC);
    CREATE INDEX orders_by_subject ON orders (subject, placed_at DESC, id DESC);
    CREATE INDEX orders_by_member ON orders (member, placed_at DESC, id DESC);
    CREATE INDEX orders_by_location ON orders (location, placed_at DESC, id DESC);
    CREATE INDEX orders_overdue ON orders (due_at, id) WHERE status = 'PENDING';
    CREATE TABLE order_externals (system TEXT NOT NULL, external TEXT NOT NULL,
        order_id TEXT NOT NULL, PRIMARY KEY (system, external)) WITHOUT ROWID;

    CREATE TABLE keys (key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, answer TEXT NOT NULL,
        at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX keys_by_age ON keys (at);
    CREATE TABLE writes (sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
        backend TEXT NOT NULL, subject TEXT NOT NULL, status TEXT NOT NULL, order_id TEXT,
        ready_at INTEGER NOT NULL, body BLOB NOT NULL);
    CREATE INDEX writes_waiting ON writes (backend, sequence, ready_at) WHERE status = 'WAITING';
    CREATE INDEX writes_by_subject ON writes (backend, subject, sequence)
        WHERE status = 'WAITING';
    CREATE INDEX writes_by_order ON writes (order_id, sequence);
    CREATE TABLE events (sequence INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL,
        key TEXT NOT NULL);
    CREATE TABLE leases (name TEXT PRIMARY KEY, owner TEXT NOT NULL, until INTEGER NOT NULL,
        fence INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE feeds (backend TEXT NOT NULL, entity TEXT NOT NULL, location TEXT NOT NULL,
        watermark INTEGER NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (backend, entity, location)) WITHOUT ROWID;

    CREATE TABLE locations (code TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE products (handle TEXT PRIMARY KEY, title TEXT NOT NULL, brand TEXT,
        age INTEGER NOT NULL, cheap INTEGER NOT NULL, dear INTEGER NOT NULL,
        digest BLOB NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
    CREATE INDEX products_by_title ON products (title, handle);
    CREATE INDEX products_by_age ON products (age, handle);
    CREATE INDEX products_by_cheap ON products (cheap, handle);
    CREATE INDEX products_by_dear ON products (dear, handle);
    CREATE INDEX products_by_brand ON products (brand, handle);
    CREATE TABLE product_channels (handle TEXT NOT NULL, channel TEXT NOT NULL,
        cheap INTEGER NOT NULL, dear INTEGER NOT NULL, PRIMARY KEY (handle, channel))
        WITHOUT ROWID;
    CREATE INDEX product_channels_by_cheap ON product_channels (channel, cheap, handle);
    CREATE INDEX product_channels_by_dear ON product_channels (channel, dear, handle);
    CREATE TABLE product_categories (handle TEXT NOT NULL, category TEXT NOT NULL,
        PRIMARY KEY (handle, category)) WITHOUT ROWID;
    CREATE TABLE product_terms (term TEXT NOT NULL, handle TEXT NOT NULL,
        PRIMARY KEY (term, handle)) WITHOUT ROWID;
    CREATE INDEX product_terms_by_product ON product_terms (handle);
    CREATE TABLE variants (sku TEXT PRIMARY KEY, handle TEXT NOT NULL, bundle INTEGER NOT NULL,
        body BLOB NOT NULL) WITHOUT ROWID;
    CREATE INDEX variants_by_product ON variants (handle, bundle);
    CREATE TABLE barcodes (barcode TEXT NOT NULL, sku TEXT NOT NULL, PRIMARY KEY (barcode, sku))
        WITHOUT ROWID;
    CREATE INDEX barcodes_by_sku ON barcodes (sku)
    """,
    """
    CREATE TABLE journal_2 (batch INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,
        entries BLOB NOT NULL);
    INSERT INTO journal_2 SELECT batch, at, entries FROM journal ORDER BY batch;
    DROP TABLE journal;
    ALTER TABLE journal_2 RENAME TO journal;
    CREATE TABLE journal_places (sku TEXT NOT NULL, location TEXT NOT NULL,
        batch INTEGER NOT NULL, PRIMARY KEY (sku, location, batch)) WITHOUT ROWID;
    INSERT INTO journal_places
        SELECT DISTINCT json_extract(value, '$.sku'), json_extract(value, '$.location'), batch
        FROM journal, json_each(CAST(entries AS TEXT));
    DROP TABLE journal_skus;
    CREATE TABLE checkpoints (sku TEXT PRIMARY KEY, at INTEGER NOT NULL, seal TEXT NOT NULL,
        body BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE checkpoint_counts (sku TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
        units INTEGER NOT NULL, PRIMARY KEY (sku, kind, name)) WITHOUT ROWID;
    CREATE INDEX checkpoint_days ON checkpoint_counts (name) WHERE kind = 'day';

    CREATE TABLE pins_2 (sku TEXT NOT NULL, reservation TEXT NOT NULL, location TEXT NOT NULL,
        quantity INTEGER NOT NULL, until INTEGER, tentative INTEGER NOT NULL,
        channel TEXT, day TEXT, member TEXT, anywhere TEXT,
        PRIMARY KEY (sku, location, reservation)) WITHOUT ROWID;
    INSERT INTO pins_2 SELECT sku, reservation, location, quantity, until, tentative, channel, day,
        member, NULL FROM pins;
    DROP TABLE pins;
    ALTER TABLE pins_2 RENAME TO pins;
    CREATE INDEX pins_by_reservation ON pins (reservation);
    CREATE INDEX pins_due ON pins (sku, until) WHERE until IS NOT NULL;

    CREATE TABLE reservations_2 (id TEXT PRIMARY KEY, status TEXT NOT NULL, expires_at INTEGER,
        subject TEXT NOT NULL, order_id TEXT, changed_at INTEGER NOT NULL, body BLOB NOT NULL)
        WITHOUT ROWID;
    INSERT INTO reservations_2 SELECT id, status, expires_at,
        json_extract(CAST(body AS TEXT), '$.subject'),
        json_extract(CAST(body AS TEXT), '$.order_id'),
        CAST(strftime('%s', 'now') AS INTEGER) * 1000000, body FROM reservations;
    DROP TABLE reservations;
    ALTER TABLE reservations_2 RENAME TO reservations;
    CREATE INDEX reservations_due ON reservations (expires_at, id) WHERE status = 'HELD';
    CREATE INDEX reservations_live ON reservations (subject)
        WHERE status IN ('HELD', 'COMMITTED');
    CREATE INDEX reservations_ended ON reservations (changed_at)
        WHERE status IN ('RELEASED', 'EXPIRED') AND order_id IS NULL;

    CREATE TABLE keys_2 (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
        fingerprint TEXT NOT NULL, answer TEXT NOT NULL, at INTEGER NOT NULL);
    INSERT INTO keys_2 (key, fingerprint, answer, at)
        SELECT key, fingerprint, answer, at FROM keys ORDER BY at;
    DROP TABLE keys;
    ALTER TABLE keys_2 RENAME TO keys;
    CREATE INDEX keys_by_answer ON keys (answer);

    CREATE TABLE copying (key TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID
    """,
    """
    CREATE TABLE api_keys (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE audit (at INTEGER NOT NULL, id TEXT NOT NULL, subject TEXT NOT NULL,
        role TEXT NOT NULL, action TEXT NOT NULL, key TEXT, result TEXT NOT NULL, target TEXT,
        codes TEXT NOT NULL, client TEXT, request_id TEXT, PRIMARY KEY (at, id)) WITHOUT ROWID;
    CREATE INDEX audit_by_subject ON audit (subject, at, id);
    CREATE INDEX audit_by_action ON audit (action, at, id);
    CREATE TABLE uses (field TEXT NOT NULL, client TEXT NOT NULL, day TEXT NOT NULL,
        count INTEGER NOT NULL, PRIMARY KEY (field, client, day)) WITHOUT ROWID
    """,
    """
    CREATE TABLE messages (id TEXT NOT NULL UNIQUE, backend TEXT NOT NULL,
        dedupe_key TEXT NOT NULL, status TEXT NOT NULL, ready_at INTEGER NOT NULL,
        received_at INTEGER NOT NULL, rest BLOB NOT NULL, body BLOB NOT NULL,
        UNIQUE (backend, dedupe_key));
    CREATE INDEX messages_waiting ON messages (backend, received_at, id, ready_at)
        WHERE status = 'WAITING';
    CREATE INDEX messages_parked ON messages (id) WHERE status = 'PARKED';
    CREATE INDEX messages_parked_by_backend ON messages (backend, id) WHERE status = 'PARKED';
    CREATE INDEX messages_done ON messages (received_at, id) WHERE status = 'DONE';

    CREATE TABLE members (id TEXT PRIMARY KEY, system TEXT NOT NULL, tier TEXT,
        updated_at INTEGER NOT NULL, gone INTEGER NOT NULL, digest BLOB NOT NULL,
        body BLOB NOT NULL) WITHOUT ROWID;
    CREATE INDEX members_in_order ON members (id, system, tier, updated_at, gone) WHERE gone = 0;
    CREATE INDEX members_by_system ON members (system, id, tier, updated_at, gone)
        WHERE gone = 0;
    CREATE INDEX members_by_tier ON members (tier, id, system, updated_at, gone) WHERE gone = 0;
    CREATE TABLE member_identities (kind TEXT NOT NULL, value TEXT NOT NULL,
        system TEXT NOT NULL, member TEXT NOT NULL,
        PRIMARY KEY (kind, value, system, member)) WITHOUT ROWID;
    CREATE INDEX member_identities_by_member ON member_identities (member);
    CREATE TABLE member_tags (tag TEXT NOT NULL, member TEXT NOT NULL,
        PRIMARY KEY (tag, member)) WITHOUT ROWID;
    CREATE INDEX member_tags_by_member ON member_tags (member);

    CREATE TABLE masters (handle TEXT NOT NULL, backend TEXT NOT NULL, digest BLOB NOT NULL,
        body BLOB NOT NULL, PRIMARY KEY (handle, backend)) WITHOUT ROWID;
    CREATE TABLE listings (backend TEXT NOT NULL, id TEXT NOT NULL, seller_code TEXT,
        active INTEGER NOT NULL, digest BLOB NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (backend, id)) WITHOUT ROWID;
    CREATE INDEX listings_active ON listings (backend, id, seller_code, active)
        WHERE active = 1;
    CREATE INDEX listings_by_seller_code ON listings (seller_code, backend, id)
        WHERE active = 1;
    CREATE TABLE mappings (backend TEXT NOT NULL, listing TEXT NOT NULL, sku TEXT NOT NULL,
        body BLOB NOT NULL, PRIMARY KEY (backend, listing)) WITHOUT ROWID;
    CREATE INDEX mappings_by_sku ON mappings (sku, backend, listing)
    """,
    """
    CREATE TABLE publications (backend TEXT NOT NULL, listing TEXT NOT NULL, state TEXT NOT NULL,
        body BLOB NOT NULL, PRIMARY KEY (backend, listing)) WITHOUT ROWID;
    CREATE INDEX publications_open ON publications (backend, listing, state)
        WHERE state IN ('WAITING', 'FAILED');
    CREATE INDEX writes_dead ON writes (sequence) WHERE status = 'FAILED';
    CREATE INDEX writes_dead_by_backend ON writes (backend, sequence) WHERE status = 'FAILED'
    """,
)

VERSION = len(LAYOUT)
"""The version of the layout that this program reads and writes."""
