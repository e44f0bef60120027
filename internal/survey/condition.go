package survey

import (
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
const maxCondition = 1000

// condition is a compiled `when`.
type condition struct {
	program cel.Program
	ast     *ast.AST
	uses    []string // ids of questions, sorted
}

// answered are the answers that a condition sees: int for scores, string for one choice, []string for many. One that was
// not given is not there, and CEL then answers true only if the rest is enough: `a || b` with a true, and never `!a`.
type answered map[string]any

// ResolveName returns the answer to the question of the id.
func (a answered) ResolveName(id string) (any, bool) {
	v, ok := a[id]
	return v, ok
}

// Parent returns nil: there are no variables beside the answers.
func (answered) Parent() cel.Activation { return nil }

// holds reports whether the answers make the condition true.
func (c *condition) holds(a answered) bool {
	out, _, err := c.program.Eval(a)
	return err == nil && out == types.True // the only error there can be is that an answer is missing
}

// language is CEL cut down to comparisons of answers. There is no arithmetic, which could overflow, and nothing that loops.
func language(questions []Question) (*cel.Env, error) {
	subset := &env.LibrarySubset{DisableMacros: true}
	for _, name := range []string{
		operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.Equals, operators.NotEquals,
		operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals, operators.In,
	} {
		subset.IncludeFunctions = append(subset.IncludeFunctions, env.NewFunction(name))
	}
	options := []cel.EnvOption{
		cel.StdLib(cel.StdLibSubset(subset)), cel.HomogeneousAggregateLiterals(),
		cel.ParserExpressionSizeLimit(maxCondition), cel.ParserRecursionLimit(50),
	}
	declared := map[string]bool{}
	for _, q := range questions {
		if kind := q.celType(); kind != nil && !declared[q.ID] && goodName(q.ID) {
			options = append(options, cel.Variable(q.ID, kind))
			declared[q.ID] = true
		}
	}
	return cel.NewCustomEnv(options...)
}

// celType is what a condition sees of the answer; nil for a text, which no condition asks for.
func (q *Question) celType() *cel.Type {
	_, _, score := q.Kind.Range()
	switch {
	case score:
		return cel.IntType
	case q.Kind == KindChoice && q.Many:
		return cel.ListType(cel.StringType)
	case q.Kind == KindChoice:
		return cel.StringType
	default:
		return nil
	}
}

// compiler compiles the conditions of one template and collects their faults.
type compiler struct {
	questions []Question
	lang      *cel.Env
	faults    []errs.Field
}

func newCompiler(questions []Question) *compiler {
	lang, err := language(questions)
	if err != nil {
		panic(err) // a fault of this file that every test meets: only good names become variables
	}
	return &compiler{questions: questions, lang: lang}
}

func (c *compiler) fault(path, code string, args ...string) {
	c.faults = append(c.faults, errs.Field{Field: path, Code: code, Args: errs.Args(args...)})
}

func (c *compiler) faultAt(path, code string, a *ast.AST, e ast.Expr, args ...string) {
	at := a.SourceInfo().GetStartLocation(e.ID())
	c.fault(path, code, append(args, "line", strconv.Itoa(at.Line()), "column", strconv.Itoa(at.Column()+1))...)
}

// find returns the first question of the id, nil if there is none.
func (c *compiler) find(id string) (at int, q *Question) {
	if i := slices.IndexFunc(c.questions, func(q Question) bool { return q.ID == id }); i >= 0 {
		return i, &c.questions[i]
	}
	return -1, nil
}

// condition compiles the condition of the question at i; nil when it has faults. Lines and columns of its faults count
// from 1 within the condition.
func (c *compiler) condition(path string, i int) *condition {
	source := c.questions[i].When
	if strings.TrimSpace(source) == "" {
		c.fault(path, "required")
		return nil
	}
	parsed, issues := c.lang.Parse(source)
	if c.issues(path, issues) || c.unknown(path, i, parsed.NativeRep()) {
		return nil
	}
	checked, issues := c.lang.Check(parsed)
	if c.issues(path, issues) {
		return nil
	}
	if out := checked.OutputType(); !out.IsExactType(cel.BoolType) {
		c.fault(path, "condition_not_boolean", "got", out.String())
		return nil
	}
	compiled := &condition{ast: checked.NativeRep()}
	if c.refused(path, compiled.ast) {
		return nil
	}
	var err error
	if compiled.program, err = c.lang.Program(checked); err != nil {
		c.fault(path, "bad_condition", "detail", err.Error())
		return nil
	}
	visit(compiled.ast, func(e ast.Expr) {
		if e.Kind() == ast.IdentKind && !slices.Contains(compiled.uses, e.AsIdent()) {
			compiled.uses = append(compiled.uses, e.AsIdent())
		}
	})
	slices.Sort(compiled.uses)
	return compiled
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

// unknown records the names that are no earlier question with a score or a choice.
func (c *compiler) unknown(path string, i int, parsed *ast.AST) (found bool) {
	operands := map[int64]bool{} // expressions that are part of a longer name
	visit(parsed, func(e ast.Expr) {
		if e.Kind() == ast.SelectKind {
			operands[e.AsSelect().Operand().ID()] = true
		}
		name, ok := dotted(e)
		if operands[e.ID()] || !ok {
			return
		}
		at, q := c.find(name)
		switch {
		case q == nil || !goodName(name):
			c.faultAt(path, "unknown_question", parsed, e, "name", name, "known", joined(c.askable(i)))
		case at >= i:
			c.faultAt(path, "later_question", parsed, e, "name", name, "known", joined(c.askable(i)))
		case q.celType() == nil:
			c.faultAt(path, "text_question", parsed, e, "name", name, "known", joined(c.askable(i)))
		default:
			return
		}
		found = true
	})
	return found
}

// askable lists the questions that the condition of the question at i may look at.
func (c *compiler) askable(i int) []string {
	var ids []string
	for k := range c.questions[:i] {
		if q := &c.questions[k]; q.celType() != nil && !slices.Contains(ids, q.ID) {
			ids = append(ids, q.ID)
		}
	}
	return ids
}

// refused records what the language does not have, and comparisons with answers that a question can never get.
func (c *compiler) refused(path string, a *ast.AST) bool {
	before := len(c.faults)
	contained := map[int64]bool{} // lists of choices in which a text is looked for
	visit(a, func(e ast.Expr) {
		switch e.Kind() {
		case ast.CallKind:
			args := e.AsCall().Args()
			if e.AsCall().FunctionName() == operators.In && args[0].Kind() == ast.LiteralKind && args[1].Kind() == ast.IdentKind {
				contained[args[1].ID()] = true
			}
			c.impossible(path, a, e.AsCall())
		case ast.IdentKind:
			if _, q := c.find(e.AsIdent()); q != nil && q.Kind == KindChoice && q.Many && !contained[e.ID()] {
				c.faultAt(path, "choices_contain", a, e, "name", q.ID)
			}
		case ast.ListKind:
		case ast.LiteralKind:
			switch e.AsLiteral().(type) {
			case types.Int, types.String, types.Bool:
			default:
				c.faultAt(path, "bad_condition", a, e, "detail", "only whole numbers, texts and lists of them")
			}
		default: // maps, messages: of no use on answers
			c.faultAt(path, "bad_condition", a, e, "detail", "only whole numbers, texts and lists of them")
		}
	})
	return len(c.faults) > before
}

// impossible records comparisons of a question with an answer that it can never get.
func (c *compiler) impossible(path string, a *ast.AST, call ast.CallExpr) {
	compare := func(question, value ast.Expr) {
		if question.Kind() != ast.IdentKind || value.Kind() != ast.LiteralKind {
			return
		}
		_, q := c.find(question.AsIdent())
		if q == nil {
			return
		}
		low, high, _ := q.Kind.Range()
		switch v := value.AsLiteral().(type) {
		case types.Int:
			if int64(v) < int64(low) || int64(v) > int64(high) {
				c.faultAt(path, "impossible_value", a, value, "fact", q.ID, "value", strconv.FormatInt(int64(v), 10),
					"known", strconv.Itoa(low)+"–"+strconv.Itoa(high))
			}
		case types.String:
			if q.option(string(v)) < 0 {
				c.faultAt(path, "impossible_value", a, value, "fact", q.ID, "value", string(v), "known", joined(q.optionIDs()))
			}
		}
	}
	args := call.Args()
	switch call.FunctionName() {
	case operators.Equals, operators.NotEquals:
		compare(args[0], args[1])
		compare(args[1], args[0])
	case operators.In:
		compare(args[1], args[0])
		if args[1].Kind() == ast.ListKind {
			for _, value := range args[1].AsList().Elements() {
				compare(args[0], value)
			}
		}
	}
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
