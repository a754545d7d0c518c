from django.contrib.auth import authenticate, login
from django.contrib.auth.decorators import login_not_required
from django.http import JsonResponse
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
@login_not_required
def log_in(request):
    person = authenticate(request, username=request.POST.get("email"), password=request.POST.get("password"))
    if person is None:
        return JsonResponse({"error": "who are you?"}, status=401)
    login(request, person)
    return JsonResponse({"email": person.email})
