from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Message",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("conversation", models.IntegerField(db_index=True)),
                ("role", models.CharField(max_length=16)),
                ("content", models.TextField()),
            ],
        ),
    ]
