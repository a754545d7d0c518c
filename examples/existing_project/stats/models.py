from django.db import models
from projects.models import Project


class Answer(models.Model):
    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True)
    stream_id = models.CharField(max_length=64, unique=True)
    outcome = models.CharField(max_length=64)
    content = models.TextField()
    output_tokens = models.IntegerField(default=0)
