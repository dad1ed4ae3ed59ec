"""CardDAV address books: Radicale, Nextcloud, iCloud, Google and others."""
