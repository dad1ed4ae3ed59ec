"""Programs to copy that say something at the signed door. They read the secret from ``HILO_SIGNING_SECRET``."""

_CURL = """\
body='{"userId": "u-17", "traits": {"address": {"street": "Av. Grau 120", "city": "Piura"}}}'
id="msg_$(openssl rand -hex 12)"
stamp=$(date +%s)
key=$(printf %s "${HILO_SIGNING_SECRET#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \\n')
signature=$(printf %s "$id.$stamp.$body" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A)
curl -sS --fail-with-body "ADDRESS" -H "content-type: application/json" -H "webhook-id: $id" \\
  -H "webhook-timestamp: $stamp" -H "webhook-signature: v1,$signature" --data-binary "$body"
"""
_PYTHON = """\
import base64, hashlib, hmac, json, os, time, urllib.request, uuid


def tell_hilo(user_id, traits, message_id):
    \"\"\"Say it again with the same message_id after a failure: it changes nothing twice.\"\"\"
    body = json.dumps({"userId": user_id, "traits": traits}).encode()
    stamp = str(int(time.time()))
    key = base64.b64decode(os.environ["HILO_SIGNING_SECRET"].removeprefix("whsec_"))
    digest = hmac.new(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }
    urllib.request.urlopen(urllib.request.Request("ADDRESS", body, headers), timeout=10)


tell_hilo("u-17", {"phone": "+51 73 555 0101", "address": {"street": "Av. Grau 120", "city": "Piura"}}, f"msg_{uuid.uuid4()}")
"""


def curl(address: str) -> str:
    """For a shell with curl and openssl."""
    return _CURL.replace("ADDRESS", address)


def python(address: str) -> str:
    """With Python's own library alone."""
    return _PYTHON.replace("ADDRESS", address)
