"""The API's OpenAPI description and its page. Both are open to everybody: they hold nothing of any account."""

from csp.decorators import csp_update
from django.utils.decorators import method_decorator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView


@extend_schema(exclude=True)
class SchemaView(SpectacularAPIView):
    authentication_classes = []
    http_method_names = ["get", "head"]
    urlconf = "config.urls"


# Swagger UI styles its elements one by one; its scripts come from our own origin like all others.
@method_decorator(csp_update({"style-src": ["'unsafe-inline'"]}), name="dispatch")
class DocsView(SpectacularSwaggerSplitView):
    authentication_classes = []
    http_method_names = ["get", "head"]
    url_name = "api:schema"
