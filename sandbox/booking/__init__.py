"""A simulated booking site: calendars of rooms, whose bookings can be edited from a page."""
