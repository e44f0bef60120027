package store

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// channelRow is a channel as it is stored: address and secret are sealed with the data key.
type channelRow struct {
	Kind      models.ChannelKind `gorm:"column:kind;primaryKey"`
	URL       []byte             `gorm:"column:url"`
	Secret    []byte             `gorm:"column:secret"`
	UpdatedBy string             `gorm:"column:updated_by"`
	UpdatedAt time.Time          `gorm:"column:updated_at"`
	Version   int64              `gorm:"column:version"`
}

// TableName is the table of channelRow.
func (channelRow) TableName() string { return "channels" }

// Channels lists the endpoints that are set, in the order of their kinds, with addresses and secrets in clear.
func (s *Store) Channels(ctx context.Context) ([]models.Channel, error) {
	rows, err := gorm.G[channelRow](s.db).Order("kind").Find(ctx)
	if err != nil {
		return nil, mapped(err)
	}
	out := make([]models.Channel, len(rows))
	for i, row := range rows {
		if out[i], err = s.openChannel(row); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Channel returns the endpoint of a kind with its address and secret in clear; not_found when none is set.
func (s *Store) Channel(ctx context.Context, kind models.ChannelKind) (models.Channel, error) {
	row, err := gorm.G[channelRow](s.db).Where("kind = ?", kind).Take(ctx)
	if err != nil {
		return models.Channel{}, mapped(err)
	}
	return s.openChannel(row)
}

// PutChannel sets the endpoint of a kind, and returns it with its new version. Version says what the caller saw: the
// stored version, or 0 when there was none; precondition_failed when that is not so any more. Address and secret are
// stored sealed.
func (s *Store) PutChannel(ctx context.Context, c models.Channel) (models.Channel, error) {
	row := channelRow{Kind: c.Kind, URL: []byte(c.URL), Secret: c.Secret, UpdatedBy: c.UpdatedBy, UpdatedAt: c.UpdatedAt, Version: c.Version + 1}
	if row.Secret == nil {
		row.Secret = []byte{}
	}
	for _, field := range []*[]byte{&row.URL, &row.Secret} {
		if s.sealer == nil || len(*field) == 0 {
			continue
		}
		sealed, err := s.sealer.Seal(*field)
		if err != nil {
			return c, errs.Wrap(err, errs.Internal, "internal")
		}
		*field = sealed
	}
	db := s.db.WithContext(ctx)
	var res *gorm.DB
	if c.Version == 0 {
		res = db.Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
	} else {
		res = db.Model(&channelRow{}).Where("kind = ? AND version = ?", c.Kind, c.Version).
			Select("url", "secret", "updated_by", "updated_at", "version").UpdateColumns(&row)
	}
	if res.Error != nil {
		return c, mapped(res.Error)
	}
	if res.RowsAffected == 0 {
		return c, stale()
	}
	c.Version++
	return c, nil
}

// DeleteChannel takes an endpoint away; not_found when none is set.
func (s *Store) DeleteChannel(ctx context.Context, kind models.ChannelKind) error {
	n, err := gorm.G[channelRow](s.db).Where("kind = ?", kind).Delete(ctx)
	if err == nil && n == 0 {
		return notFound()
	}
	return mapped(err)
}

func (s *Store) openChannel(row channelRow) (models.Channel, error) {
	for _, field := range []*[]byte{&row.URL, &row.Secret} {
		if s.sealer == nil || len(*field) == 0 {
			continue
		}
		plain, err := s.sealer.Open(*field)
		if err != nil {
			return models.Channel{}, errs.Wrap(err, errs.Internal, "internal")
		}
		*field = plain
	}
	return models.Channel{
		Kind: row.Kind, URL: string(row.URL), Secret: row.Secret, UpdatedBy: row.UpdatedBy, UpdatedAt: row.UpdatedAt, Version: row.Version,
	}, nil
}
