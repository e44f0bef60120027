package policy

import "github.com/mcrflow/mcrflow/internal/errs"

// Decode reads any document of ours into the struct that out points to, by its json tags and as strictly as ParseSLA
// reads a policy: every unknown field, wrong type and unreadable text is a fault, all of them at once.
func Decode(body []byte, out any) []errs.Field { return decode(body, out) }
