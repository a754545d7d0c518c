from django.db import models


class Message(models.Model):
    conversation = models.IntegerField(db_index=True)
    role = models.CharField(max_length=16)
    content = models.TextField()
