"""Pages of consent: the customers' portal, the unsubscribe link, and what administrators set."""
