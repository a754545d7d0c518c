from chat.history import shown
from chat.views import ask
from django.urls import path

urlpatterns = [path("<int:conversation>/ask", ask), path("<int:conversation>/", shown)]
