from django.conf import settings
from django.db import models


class Project(models.Model):
    slug = models.SlugField(unique=True)
    team = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="projects")
    archived = models.BooleanField(default=False)
