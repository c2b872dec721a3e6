package ec2

import "github.com/keyturn/keyturn/internal/api"

func (s *Service) placeOperations() []api.Operation { return nil }
