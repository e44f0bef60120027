package approval

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// maxCondition is the length in characters up to which a condition is read; people must be able to read it too.
const maxCondition = 2000

var stringsType = reflect.TypeFor[[]string]()

// expression is a compiled condition, or an expression that names people.
type expression struct {
	source  string
	program cel.Program
	ast     *ast.AST
	uses    []string // facts, sorted
}

// language is CEL cut down to comparisons over the facts of a subject: nothing in it can fail, loop or be slow at run
// time, so what compiles always answers. In particular there is no arithmetic, which could overflow.
func language(s Subject) (*cel.Env, error) {
	subset := &env.LibrarySubset{DisableMacros: true}
	for _, name := range []string{
		operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.Equals, operators.NotEquals,
		operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals,
		operators.In, operators.Conditional, "startsWith", "endsWith", "contains",
	} {
		subset.IncludeFunctions = append(subset.IncludeFunctions, env.NewFunction(name))
	}
	options := []cel.EnvOption{
		cel.StdLib(cel.StdLibSubset(subset)), cel.HomogeneousAggregateLiterals(),
		cel.ParserExpressionSizeLimit(maxCondition), cel.ParserRecursionLimit(50),
	}
	kinds := map[FactType]*cel.Type{
		FactText: cel.StringType, FactUser: cel.StringType, FactNumber: cel.IntType, FactFlag: cel.BoolType,
		FactList: cel.ListType(cel.StringType),
	}
	for _, f := range s.Facts {
		options = append(options, cel.Variable(f.Name, kinds[f.Type]))
	}
	return cel.NewCustomEnv(options...)
}

// compiler compiles the expressions of one chain and collects their faults.
type compiler struct {
	subject Subject
	lang    *cel.Env
	faults  []errs.Field
}

func newCompiler(s Subject) *compiler {
	lang, err := language(s)
	if err != nil {
		panic(err) // a fault of facts.go that every test meets
	}
	return &compiler{subject: s, lang: lang}
}

func (c *compiler) fault(path, code string, args ...string) {
	c.faults = append(c.faults, errs.Field{Field: path, Code: code, Args: errs.Args(args...)})
}

// condition compiles what is true or false; nil when it has faults.
func (c *compiler) condition(path, source string) *expression {
	e := c.compile(path, source)
	if e == nil {
		return nil
	}
	if out := e.ast.GetType(e.ast.Expr().ID()); !out.IsExactType(types.BoolType) {
		c.fault(path, "condition_not_boolean", "got", out.String())
		return nil
	}
	c.impossible(path, e)
	return e
}

// people compiles what names users: a text or a list of texts; nil when it has faults.
func (c *compiler) people(path, source string) *expression {
	e := c.compile(path, source)
	if e == nil {
		return nil
	}
	out := e.ast.GetType(e.ast.Expr().ID())
	if !out.IsExactType(types.StringType) && !out.IsExactType(types.NewListType(types.StringType)) {
		c.fault(path, "not_people", "got", out.String())
		return nil
	}
	return e
}

func (c *compiler) compile(path, source string) *expression {
	if strings.TrimSpace(source) == "" {
		c.fault(path, "required")
		return nil
	}
	parsed, issues := c.lang.Parse(source)
	if c.issues(path, issues) || c.unknown(path, parsed.NativeRep()) {
		return nil
	}
	checked, issues := c.lang.Check(parsed)
	if c.issues(path, issues) {
		return nil
	}
	program, err := c.lang.Program(checked)
	if err != nil {
		c.fault(path, "bad_condition", "detail", err.Error())
		return nil
	}
	e := &expression{source: source, program: program, ast: checked.NativeRep()}
	visit(e.ast, func(x ast.Expr) {
		if x.Kind() == ast.IdentKind && !slices.Contains(e.uses, x.AsIdent()) {
			e.uses = append(e.uses, x.AsIdent())
		}
	})
	slices.Sort(e.uses)
	return e
}

// issues records what CEL says; only the first of each condition, since what follows a fault is guesswork.
func (c *compiler) issues(path string, issues *cel.Issues) bool {
	if issues == nil || issues.Err() == nil {
		return false
	}
	first := issues.Errors()[0]
	c.fault(path, "bad_condition", "detail", first.Message,
		"line", strconv.Itoa(first.Location.Line()), "column", strconv.Itoa(first.Location.Column()+1))
	return true
}

// unknown records the names that are no facts.
func (c *compiler) unknown(path string, parsed *ast.AST) (found bool) {
	operands := map[int64]bool{} // expressions that are part of a longer name
	visit(parsed, func(e ast.Expr) {
		if e.Kind() == ast.SelectKind {
			operands[e.AsSelect().Operand().ID()] = true
		}
		if operands[e.ID()] {
			return
		}
		name, ok := dotted(e)
		if _, known := c.subject.fact(name); ok && !known {
			c.faultAt(path, "unknown_fact", parsed, e, "name", name, "known", strings.Join(c.subject.names(), ", "))
			found = true
		}
	})
	return found
}

// impossible records comparisons of an enumerated fact with a text that it can never be.
func (c *compiler) impossible(path string, e *expression) {
	compare := func(fact, value ast.Expr) {
		text, ok := literal[types.String](value)
		if !ok || fact.Kind() != ast.IdentKind {
			return
		}
		f, _ := c.subject.fact(fact.AsIdent())
		if f.Values != nil && !slices.Contains(f.Values, string(text)) {
			c.faultAt(path, "impossible_value", e.ast, value, "fact", f.Name, "value", string(text), "known", strings.Join(f.Values, ", "))
		}
	}
	visit(e.ast, func(x ast.Expr) {
		if x.Kind() != ast.CallKind {
			return
		}
		args := x.AsCall().Args()
		switch x.AsCall().FunctionName() {
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
}

func (c *compiler) faultAt(path, code string, a *ast.AST, e ast.Expr, args ...string) {
	at := a.SourceInfo().GetStartLocation(e.ID())
	args = append(args, "line", strconv.Itoa(at.Line()), "column", strconv.Itoa(at.Column()+1))
	c.faults = append(c.faults, errs.Field{Field: path, Code: code, Args: errs.Args(args...)})
}

// holds reports whether the condition is true of the request.
func (e *expression) holds(s Subject, f Facts) bool {
	out, _, err := e.program.Eval(activation{s, f})
	return err == nil && out == types.True // language has nothing that fails
}

// users returns the people whom the expression names, in its order.
func (e *expression) users(s Subject, f Facts) []string {
	out, _, err := e.program.Eval(activation{s, f})
	if err != nil {
		return nil
	}
	switch v := out.Value().(type) {
	case string:
		return []string{v}
	default:
		list, _ := out.ConvertToNative(stringsType)
		ids, _ := list.([]string)
		return ids
	}
}

// always reports whether the condition holds whatever the facts are, as far as one can see without trying them.
func (e *expression) always(s Subject) bool { return len(e.uses) == 0 && e.holds(s, Facts{}) }

// activation makes the facts of a request the variables of an expression.
type activation struct {
	subject Subject
	facts   Facts
}

// ResolveName returns the value of the fact.
func (a activation) ResolveName(name string) (any, bool) {
	fact, ok := a.subject.fact(name)
	if !ok {
		return nil, false
	}
	switch fact.Type {
	case FactNumber:
		return a.facts.Numbers[name], true
	case FactFlag:
		return a.facts.Flags[name], true
	case FactList:
		return a.facts.Lists[name], true
	default:
		return a.facts.Texts[name], true
	}
}

// Parent returns nil: there are no variables beside the facts.
func (activation) Parent() cel.Activation { return nil }

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

func literal[T any](e ast.Expr) (T, bool) {
	if e.Kind() != ast.LiteralKind {
		var none T
		return none, false
	}
	v, ok := e.AsLiteral().(T)
	return v, ok
}

// visit calls do for every expression, outer ones first, in the order in which they are written.
func visit(a *ast.AST, do func(ast.Expr)) {
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(do))
}
