"""Bookings from elsewhere: calendars and tables read, and compared with what is known.

fetching            a calendar from its host; the only part that leaves the process
calendars           an iCal feed -> stays (lines, properties, repeats, sources, zones)
tables              a CSV upload -> stays (headings, dates)
stays               what both give: stays, rows with reasons
matching            stays read + stays known -> what to do (known, same)

Nothing here touches the database.
"""
