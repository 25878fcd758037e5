from django.forms.renderers import TemplatesSetting


class Renderer(TemplatesSetting):
    """Forms look the same everywhere: a label, a hint, the field, what is wrong with it."""

    form_template_name = "parts/form.html"
    field_template_name = "parts/field.html"
