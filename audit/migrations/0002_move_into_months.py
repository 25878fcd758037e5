"""A month can be made although lines of it already lie in the catch-all table: they move.

That is so when nobody made months for a while (no beat), and for what a lock tells late.
"""

from django.db import migrations

MAKE_MONTH = """
CREATE FUNCTION audit_make_month(year int, month int, at_most int DEFAULT 200000)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    starts timestamptz := make_timestamptz(year, month, 1, 0, 0, 0, 'UTC');
    ends timestamptz := (starts AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
    lowest uuid := audit_lowest_id(starts);
    beyond uuid := audit_lowest_id(ends);
    kind text;
    parent text;
    name text;
    waiting bigint;
BEGIN
    -- One at a time: two beats may run.
    PERFORM pg_advisory_xact_lock(hashtext('audit_make_month'));
    FOREACH kind IN ARRAY ARRAY['door', 'change'] LOOP
        parent := 'audit_event_' || kind;
        name := format('%s_%s', parent, to_char(starts AT TIME ZONE 'UTC', 'YYYY_MM'));
        CONTINUE WHEN to_regclass(name) IS NOT NULL;
        -- From the top down, as a line on its way in takes them.
        EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', parent);
        EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', parent || '_other');
        EXECUTE format(
            'SELECT count(*) FROM (SELECT FROM %I WHERE id >= $1 AND id < $2 LIMIT $3) AS w',
            parent || '_other') INTO waiting USING lowest, beyond, at_most + 1;
        IF waiting > at_most THEN
            -- Nothing can be written meanwhile, so this must not take long.
            RAISE EXCEPTION 'more than % lines of % wait in %_other', at_most, name, parent
                USING HINT = 'Call audit_make_month(year, month, at_most) at a quiet hour.';
        END IF;
        IF waiting > 0 THEN
            EXECUTE format(
                'CREATE TEMPORARY TABLE audit_moving ON COMMIT DROP AS
                 SELECT * FROM %I WHERE id >= %L AND id < %L',
                parent || '_other', lowest, beyond);
            -- Of this table only, which nobody else can touch now, and until it is empty.
            EXECUTE format(
                'ALTER TABLE %I DISABLE TRIGGER audit_event_append_only', parent || '_other');
            EXECUTE format('DELETE FROM %I WHERE id >= %L AND id < %L',
                parent || '_other', lowest, beyond);
            EXECUTE format(
                'ALTER TABLE %I ENABLE TRIGGER audit_event_append_only', parent || '_other');
        END IF;
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
            name, parent, lowest, beyond);
        EXECUTE format(
            'CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON %I
             FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()', name);
        IF waiting > 0 THEN
            EXECUTE format('INSERT INTO %I SELECT * FROM audit_moving', name);
            DROP TABLE audit_moving;
        END IF;
    END LOOP;
END $$;
"""

BEFORE = """
CREATE FUNCTION audit_make_month(year int, month int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    starts timestamptz := make_timestamptz(year, month, 1, 0, 0, 0, 'UTC');
    ends timestamptz := (starts AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
    kind text;
    name text;
BEGIN
    FOREACH kind IN ARRAY ARRAY['door', 'change'] LOOP
        name := format('audit_event_%s_%s', kind, to_char(starts AT TIME ZONE 'UTC', 'YYYY_MM'));
        IF to_regclass(name) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                name, 'audit_event_' || kind, audit_lowest_id(starts), audit_lowest_id(ends));
            EXECUTE format(
                'CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON %I
                 FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()', name);
        END IF;
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "DROP FUNCTION audit_make_month(int, int);" + MAKE_MONTH,
            "DROP FUNCTION audit_make_month(int, int, int);" + BEFORE,
        ),
    ]
