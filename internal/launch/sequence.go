package launch

// Start lists what starting a stopped instance asks of KMS: for every encrypted
// volume that is attached, root and data alike, a grant in the caller's name,
// and a Decrypt by the instance's infrastructure role under it (EBS guide, "How
// Amazon EBS encryption works": the grant comes at attachment). No new data key
// is made: the volumes exist.
func Start(site Site, instance string, volumes []Volume) []Step {
	var steps []Step
	for _, v := range volumes {
		steps = append(steps, Attach(site, instance, v)...)
	}
	return steps
}

// Attach lists what attaching one encrypted volume to a running instance asks of KMS.
func Attach(site Site, instance string, v Volume) []Step {
	context := map[string]string{ContextKey: v.ID}
	return []Step{
		{
			Operation: CreateGrant, By: ByCaller, Key: v.Key, Volume: v.ID, Instance: instance,
			Grant: &Grant{
				Grantee:    site.Infrastructure(instance).ARN,
				Retiring:   site.ServicePrincipal(),
				Operations: []string{string(Decrypt)},
				Subset:     context,
			},
		},
		{
			Operation: Decrypt, By: ByInfrastructure, Key: v.Key, Volume: v.ID, Instance: instance,
			EncryptionContext: context,
		},
	}
}

// CreateVolume lists what making an encrypted volume asks of KMS (EBS guide,
// "How Amazon EBS encryption works", for each kind of source):
//
//   - empty, or from a snapshot under the same key: a data key in the caller's name;
//   - from an unencrypted snapshot: first a grant, so that EBS can encrypt while
//     it fills the volume, and a Decrypt under it after;
//   - from a snapshot under another key: also ReEncryptFrom on that key and
//     ReEncryptTo on the new one. The guide lists these permissions without
//     naming the call; that EBS asks for both is what people observed.
func CreateVolume(site Site, v Volume) []Step {
	context := map[string]string{ContextKey: v.ID}
	dataKey := Step{
		Operation: GenerateDataKeyWithoutPlaintext, By: ByCaller, Key: v.Key, Volume: v.ID,
		EncryptionContext: context, NumberOfBytes: DataKeyBytes,
	}
	switch {
	case v.Source != nil && !v.Source.Encrypted:
		return []Step{
			{
				Operation: CreateGrant, By: ByCaller, Key: v.Key, Volume: v.ID,
				Grant: &Grant{
					Grantee:    site.ServicePrincipal(),
					Retiring:   site.ServicePrincipal(),
					Operations: []string{string(Decrypt)},
					Subset:     context,
				},
			},
			dataKey,
			{Operation: Decrypt, By: ByService, Key: v.Key, Volume: v.ID, EncryptionContext: context},
		}
	case v.Source != nil && v.Source.Key != v.Key:
		return []Step{dataKey, reencrypt(v.ID, v.Key, context, v.Source)}
	default:
		return []Step{dataKey}
	}
}

func reencrypt(id, key string, context map[string]string, from *Source) Step {
	return Step{
		Operation: ReEncrypt, By: ByCaller, Key: key, Volume: id, EncryptionContext: context,
		SourceKey: from.Key, SourceContext: from.Context,
	}
}

// RunVolume lists what making a volume in the course of a launch asks of KMS.
// Unlike a volume made by itself, one from an unencrypted snapshot needs no
// grant of its own: the trace of a launch has the data key, then the one grant
// to the instance, then the Decrypt (KMS guide, "Amazon EC2 example two").
func RunVolume(site Site, v Volume) []Step {
	if v.Source != nil && !v.Source.Encrypted {
		v.Source = nil
	}
	return CreateVolume(site, v)
}

// Run lists what launching a new instance asks of KMS: its volumes are made,
// then attached. The first request is the data key's, so a caller without any
// permission on the key fails there and not at the grant: reports of denied
// launches have that event alone.
func Run(site Site, instance string, volumes []Volume) []Step {
	var steps []Step
	for _, v := range volumes {
		steps = append(steps, RunVolume(site, v)...)
		steps = append(steps, Attach(site, instance, v)...)
	}
	return steps
}

// CopySnapshot lists what copying a snapshot to an encrypted one asks of KMS.
// The copy's data key has the new snapshot's id in its encryption context (KMS
// guide, "How Amazon EBS uses AWS KMS"). EBS works on a copy for itself, so it
// needs a grant on the source's key as well as on the new one.
func CopySnapshot(site Site, snapshot, key string, from Source) []Step {
	context := map[string]string{ContextKey: snapshot}
	var steps []Step
	if from.Encrypted {
		steps = append(steps, Step{
			Operation: CreateGrant, By: ByCaller, Key: from.Key, Volume: snapshot,
			Grant: &Grant{
				Grantee: site.ServicePrincipal(), Retiring: site.ServicePrincipal(),
				Operations: []string{string(Decrypt)}, Subset: from.Context,
			},
		})
	}
	steps = append(steps, Step{
		Operation: GenerateDataKeyWithoutPlaintext, By: ByCaller, Key: key, Volume: snapshot,
		EncryptionContext: context, NumberOfBytes: DataKeyBytes,
	})
	if from.Encrypted {
		steps = append(steps, reencrypt(snapshot, key, context, &from))
	}
	return steps
}
