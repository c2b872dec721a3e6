package main

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/phrase"
	"github.com/keyturn/keyturn/internal/trailfile"
)

// trailOptions say where past calls are found besides CloudTrail's event history.
type trailOptions struct {
	folders []string
	offline bool
}

func (o *trailOptions) flags(f *pflag.FlagSet) {
	f.StringArrayVar(&o.folders, "trail", nil, "folder of CloudTrail log files, or a file, to search as well; may be given again")
	f.BoolVar(&o.offline, "offline", false, "ask nobody: what the files of --trail tell must do")
}

// files are the log files, nil if none were given.
func (o *trailOptions) files() (*diagnose.LogFiles, error) {
	if len(o.folders) == 0 {
		return nil, nil
	}
	set, err := trailfile.Open(o.folders...)
	if err != nil {
		return nil, &advised{err, phrase.Say("give --trail the folder to which the log files were copied, such as AWSLogs")}
	}
	return diagnose.NewLogFiles(set), nil
}

// clients are the ways to the evidence, and the region where they work.
func (o *diagnoseOptions) clients(ctx context.Context) (c diagnose.Clients, region string, err error) {
	files, err := o.files()
	switch {
	case err != nil:
		return c, "", err
	case o.offline && files == nil:
		return c, "", &advised{
			phrase.NewError(phrase.Say("with --offline nobody is asked, and there are no files to read"), nil),
			phrase.Say("give --trail DIR, a folder of CloudTrail log files"),
		}
	case o.offline:
		return diagnose.Offline(files), o.region, nil
	}
	cfg, err := o.config(ctx)
	if err != nil {
		return c, "", err
	}
	with, err := o.configs(ctx, cfg)
	if err != nil {
		return c, "", err
	}
	c = diagnose.NewClients(cfg).WithOrganization(with.Organization)
	if files != nil {
		c.Trail = diagnose.WithLogFiles(diagnose.NewHistory(c.CloudTrail), files)
	}
	return c, cfg.Region, nil
}
