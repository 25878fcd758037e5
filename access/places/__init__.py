"""Systems and what is synced from them: groups, entrances, encoders, credentials, as pages."""
