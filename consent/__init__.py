"""May we write to this address now, and why: the gate that every outgoing message passes."""
