"""Tiles name the property and the floor, and tell times of the property's zone.

Whoever renames them, in whatever way: the doors' revisions rise, so that boards redraw them.
"""

from django.db import migrations

CREATE = """
CREATE FUNCTION locks_place_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE locks_device SET changed_at = clock_timestamp()
     WHERE property_id = NEW.id OR space_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER locks_place_changed AFTER UPDATE OF name, time_zone ON accounts_space
    FOR EACH ROW
    WHEN ((OLD.name, OLD.time_zone) IS DISTINCT FROM (NEW.name, NEW.time_zone))
    EXECUTE FUNCTION locks_place_changed();
"""

DROP = """
DROP TRIGGER locks_place_changed ON accounts_space;
DROP FUNCTION locks_place_changed;
"""


class Migration(migrations.Migration):
    dependencies = [("locks", "0004_device_unheard_since"), ("accounts", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, DROP)]
