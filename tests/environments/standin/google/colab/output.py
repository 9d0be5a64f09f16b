"""Notes that a widget manager was switched on, as anywidget does by itself."""


class _Widgets:
    _installed_url: str | None = None


_widgets = _Widgets()


def enable_custom_widget_manager() -> None:
    """Colab would load ipywidgets' front end from this address."""
    _widgets._installed_url = "https://ssl.gstatic.com/colaboratory-static/widgets/manager.js"
