"""Salesforce, through its REST interface; its SOAP one for the two things that REST has not."""
