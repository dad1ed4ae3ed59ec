"""What a host page loads: the script of a chat, its modules, the files of its messages."""

from django.urls import path

from integrations.channels.webchat import views

app_name = "webchat"
urlpatterns = [
    path("code/<str:wanted>/<slug:name>.js", views.code, name="code"),
    path("<str:key>.js", views.script, name="script"),
    path("<str:key>/files/", views.upload, name="upload"),
    path("<str:key>/files/<str:signed>", views.file, name="file"),
]
