package page

import "html/template"

// functions are what templates need beyond their own language.
var functions = template.FuncMap{
	"minutes": func(seconds int64) int64 { return seconds / 60 },
}
