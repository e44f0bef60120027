package store

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm/schema"
)

// table is one whose rows are read and written whole below gorm. Its columns are those that the fields of R name for gorm,
// in their order.
type table[R schema.Tabler] struct {
	name    string
	columns string // of SELECT
	upsert  string
}

func tableOf[R schema.Tabler]() table[R] {
	var row R
	t := reflect.TypeFor[R]()
	columns, values, changes := make([]string, t.NumField()), make([]string, t.NumField()), make([]string, 0, t.NumField())
	for i := range columns {
		columns[i] = schema.ParseTagSetting(t.Field(i).Tag.Get("gorm"), ";")["COLUMN"]
		values[i] = fmt.Sprintf("$%d", i+1)
		if columns[i] != "id" {
			changes = append(changes, columns[i]+" = excluded."+columns[i])
		}
	}
	list := strings.Join(columns, ", ")
	return table[R]{
		name: row.TableName(), columns: "SELECT " + list + " FROM " + row.TableName() + " ",
		upsert: "INSERT INTO " + row.TableName() + " (" + list + ") VALUES (" + strings.Join(values, ", ") + ") ON CONFLICT (id) DO UPDATE SET " + strings.Join(changes, ", "),
	}
}

// put queues the rows: each is inserted, or replaces the one with its id. Those that are over come first, so that there is
// room for what there may be one of only.
func (t table[R]) put(w *writer, rows []*R, over func(*R) bool) {
	for _, first := range []bool{true, false} {
		for _, row := range rows {
			if over(row) == first {
				v := reflect.ValueOf(row).Elem()
				values := make([]any, v.NumField())
				for i := range values {
					values[i] = v.Field(i).Interface()
				}
				w.batch.Queue(t.upsert, values...)
			}
		}
	}
}

// into collects rows of the columns.
func (t table[R]) into(all *[]R) func(pgx.Rows) error {
	return func(rows pgx.Rows) (err error) {
		*all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[R])
		return err
	}
}

// placeAt is the place of a row in a list that is sorted by an instant and the id.
func placeAt(at time.Time, id string) string { return placeOf(&at) + "|" + id }
