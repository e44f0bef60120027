package policy

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// maxCondition is the length in characters up to which a condition is read; people must be able to read it too.
const maxCondition = 2000

// The facts of a case, as conditions name them.
const (
	factType     = "case.type"
	factPriority = "case.priority"
	factCategory = "case.category"
	factChannel  = "case.channel"
	factClass    = "client.class"
	factRegion   = "client.region"
)

var facts = []string{factType, factPriority, factCategory, factChannel, factClass, factRegion}

// factValues lists all values of the facts that have a fixed set of them.
var factValues = map[string][]string{
	factType:     caseTypes,
	factPriority: priorities,
	factChannel:  caseChannels,
	factClass:    clientClasses,
}

// ResolveName makes the facts the variables of a condition.
func (f CaseFacts) ResolveName(name string) (any, bool) {
	switch name {
	case factType:
		return f.Type, true
	case factPriority:
		return f.Priority, true
	case factCategory:
		return f.Category, true
	case factChannel:
		return f.Channel, true
	case factClass:
		return f.Class, true
	case factRegion:
		return f.Region, true
	default:
		return nil, false
	}
}

// Parent returns nil: there are no variables beside the facts.
func (CaseFacts) Parent() cel.Activation { return nil }

// everyCase returns one case for each combination of the facts that have a fixed set of values.
var everyCase = sync.OnceValue(func() []CaseFacts {
	var all []CaseFacts
	for _, t := range caseTypes {
		for _, p := range priorities {
			for _, ch := range caseChannels {
				for _, cl := range clientClasses {
					all = append(all, CaseFacts{Type: t, Priority: p, Channel: ch, Class: cl})
				}
			}
		}
	}
	return all
})

// language is the words of the conditions on one kind of object.
type language struct {
	facts  []string            // the names, as messages list them; all are texts
	values map[string][]string // all values of the facts that have a fixed set of them
	env    func() (*cel.Env, error)
}

// caseLanguage is the language of the conditions on cases.
var caseLanguage = newLanguage(facts, factValues)

func newLanguage(facts []string, values map[string][]string) *language {
	return &language{facts: facts, values: values, env: sync.OnceValues(func() (*cel.Env, error) { return environment(facts) })}
}

// environment is CEL cut down to what decides over texts: nothing in it can fail, loop or be slow at run time, so a
// condition that compiles always answers.
func environment(facts []string) (*cel.Env, error) {
	subset := &env.LibrarySubset{DisableMacros: true}
	for _, name := range []string{
		operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.Equals, operators.NotEquals,
		operators.In, operators.Conditional, "startsWith", "endsWith", "contains",
	} {
		subset.IncludeFunctions = append(subset.IncludeFunctions, env.NewFunction(name))
	}
	options := []cel.EnvOption{
		cel.StdLib(cel.StdLibSubset(subset)),
		cel.HomogeneousAggregateLiterals(),
		cel.ParserExpressionSizeLimit(maxCondition),
		cel.ParserRecursionLimit(50),
	}
	for _, name := range facts {
		options = append(options, cel.Variable(name, cel.StringType))
	}
	return cel.NewCustomEnv(options...)
}

// condition is a compiled `when`.
type condition struct {
	lang    *language
	program cel.Program
	ast     *ast.AST
	uses    map[string]bool // facts
}

// compile returns the condition or everything that is wrong with it, at path. Lines and columns of its faults
// count from 1 within the condition.
func (l *language) compile(path, when string) (*condition, []errs.Field) {
	if strings.TrimSpace(when) == "" {
		return nil, []errs.Field{{Field: path, Code: "required"}}
	}
	lang, err := l.env()
	if err != nil {
		panic(err) // a fault of this file that every test meets
	}
	parsed, issues := lang.Parse(when)
	if faults := celFaults(path, issues); faults != nil {
		return nil, faults[:1] // what follows a syntax error is guesswork
	}
	if faults := l.unknownFacts(path, parsed.NativeRep()); faults != nil {
		return nil, faults
	}
	checked, issues := lang.Check(parsed)
	if faults := celFaults(path, issues); faults != nil {
		return nil, faults
	}
	if out := checked.OutputType(); !out.IsExactType(cel.BoolType) {
		return nil, []errs.Field{{Field: path, Code: "condition_not_boolean", Args: errs.Args("got", out.String())}}
	}
	c := &condition{lang: l, ast: checked.NativeRep(), uses: map[string]bool{}}
	var refused []errs.Field
	visit(c.ast, func(e ast.Expr) {
		switch e.Kind() {
		case ast.IdentKind:
			c.uses[e.AsIdent()] = true
		case ast.CallKind, ast.ListKind, ast.LiteralKind:
		default: // maps, messages: of no use on texts
			refused = append(refused, celFault(path, "bad_condition", c.ast, e, "detail", "only texts and lists of texts"))
		}
	})
	if refused != nil {
		return nil, refused
	}
	if c.program, err = lang.Program(checked); err != nil {
		return nil, []errs.Field{{Field: path, Code: "bad_condition", Args: errs.Args("detail", shown(err.Error()), "line", "1", "column", "1")}}
	}
	return c, nil
}

// holds reports whether the condition is true of f.
func (c *condition) holds(f cel.Activation) bool {
	out, _, err := c.program.Eval(f)
	return err == nil && out == types.True // the language has nothing that fails
}

// constant reports whether the condition looks at no fact at all, and what it then always says.
func (c *condition) constant() (value, ok bool) {
	return c.holds(CaseFacts{}), len(c.uses) == 0
}

// countable reports whether all that the condition looks at has a fixed set of values.
func (c *condition) countable() bool {
	for fact := range c.uses {
		if c.lang.values[fact] == nil {
			return false
		}
	}
	return true
}

// impossible finds comparisons of a fact with a text that it can never be.
func (c *condition) impossible(path string) []errs.Field {
	var faults []errs.Field
	compare := func(fact, value ast.Expr) {
		if fact.Kind() != ast.IdentKind || value.Kind() != ast.LiteralKind {
			return
		}
		known, text := c.lang.values[fact.AsIdent()], ""
		if s, ok := value.AsLiteral().(types.String); ok {
			text = string(s)
		}
		if known != nil && !slices.Contains(known, text) {
			faults = append(faults, celFault(path, "impossible_value", c.ast, value,
				"fact", fact.AsIdent(), "value", shown(text), "known", strings.Join(known, ", ")))
		}
	}
	visit(c.ast, func(e ast.Expr) {
		if e.Kind() != ast.CallKind {
			return
		}
		args := e.AsCall().Args()
		switch e.AsCall().FunctionName() {
		case operators.Equals, operators.NotEquals:
			compare(args[0], args[1])
			compare(args[1], args[0])
		case operators.In:
			if args[1].Kind() == ast.ListKind {
				for _, value := range args[1].AsList().Elements() {
					compare(args[0], value)
				}
			}
		}
	})
	return faults
}

// unknownFacts finds the names in a parsed condition that are no facts, so that the message can say which there are.
func (l *language) unknownFacts(path string, parsed *ast.AST) []errs.Field {
	var faults []errs.Field
	operands := map[int64]bool{} // expressions that are part of a longer name
	visit(parsed, func(e ast.Expr) {
		if e.Kind() == ast.SelectKind {
			operands[e.AsSelect().Operand().ID()] = true
		}
		if operands[e.ID()] {
			return
		}
		if name, ok := dotted(e); ok && !slices.Contains(l.facts, name) {
			faults = append(faults, celFault(path, "unknown_fact", parsed, e, "name", shown(name), "known", strings.Join(l.facts, ", ")))
		}
	})
	return faults
}

// dotted returns the name that a chain of selections from an identifier spells, such as case.type.
func dotted(e ast.Expr) (string, bool) {
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent(), true
	case ast.SelectKind:
		name, ok := dotted(e.AsSelect().Operand())
		return name + "." + e.AsSelect().FieldName(), ok
	default:
		return "", false
	}
}

// visit calls do for every expression, outer ones first, in the order in which they are written.
func visit(a *ast.AST, do func(ast.Expr)) {
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(do))
}

func celFault(path, code string, a *ast.AST, e ast.Expr, args ...string) errs.Field {
	at := a.SourceInfo().GetStartLocation(e.ID())
	args = append(args, "line", strconv.Itoa(at.Line()), "column", strconv.Itoa(at.Column()+1))
	return errs.Field{Field: path, Code: code, Args: errs.Args(args...)}
}

func celFaults(path string, issues *cel.Issues) []errs.Field {
	if issues == nil || issues.Err() == nil {
		return nil
	}
	var faults []errs.Field
	for _, e := range issues.Errors() {
		faults = append(faults, errs.Field{Field: path, Code: "bad_condition", Args: errs.Args(
			"detail", shown(e.Message), "line", strconv.Itoa(e.Location.Line()), "column", strconv.Itoa(e.Location.Column()+1))})
	}
	return faults
}
