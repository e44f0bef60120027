// Package policies carries the default documents that ship with the product: working calendars and policies.
package policies

import "embed"

// FS holds the documents by their paths in this folder, e.g. "calendars/cn.yaml" and "sla/default.yaml".
//
//go:embed approval/*.yaml calendars/*.yaml campaign/*.yaml reception/*.yaml sla/*.yaml survey/*.yaml
var FS embed.FS
