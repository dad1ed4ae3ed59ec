"""The other side of the wire: a program that plays the providers for the demo and for people trying Hilo out.

It knows Hilo only through its doors: webhooks with real signatures, SMTP and IMAP, the widget. It reads no model.
"""
