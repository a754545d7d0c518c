from django.db import models


class HouseRule(models.Model):
    text = models.TextField()
