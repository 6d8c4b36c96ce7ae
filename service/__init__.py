"""The Django project and every edge: what people, pipelines and stewards reach."""
