// Package policies carries the default documents that ship with the product: working calendars and policies.
package policies

import "embed"

// FS holds the documents by their paths in this folder, e.g. "calendars/cn.yaml" and "sla/default.yaml".
//
//go:embed approval/*.yaml cadence/*.yaml calendars/*.yaml campaign/*.yaml classification/*.yaml health/*.yaml reception/*.yaml responsibility/*.yaml sla/*.yaml survey/*.yaml
var FS embed.FS
