"""Projects: a workspace each, with a name. Made, renamed, archived, and carried elsewhere as one zip."""
