"""Instagram messages and comments, https://developers.facebook.com/documentation/instagram-platform/."""
