from projects.models import Project


def resolve_project(request, project_id):
    """The team's own project; for everybody else there is none."""
    return Project.objects.filter(slug=project_id, team=request.user).first()


def authorize(request, project, chat):
    """What is archived can still be read."""
    return chat is None or not project.archived
