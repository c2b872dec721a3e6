package ec2

import "github.com/aws/aws-sdk-go-v2/service/ec2/types"

// The vendors' accounts and whether EC2 shows them under the alias amazon: that
// is for Amazon itself and its verified providers (EC2 guide, "Find an AMI").
const (
	amazonLinuxOwner   = "137112412989"
	amazonWindowsOwner = "801119661308"
	canonicalOwner     = "099720109477"
	debianOwner        = "136693071363"
	redHatOwner        = "309956199498"
	suseOwner          = "013907871322"
	rockyOwner         = "792107900819"

	amazonAlias = "amazon"
)

var (
	amazonArchitectures = []architecture{{"x86_64", "x86_64"}, {"arm64", "arm64"}}
	debianArchitectures = []architecture{{"x86_64", "amd64"}, {"arm64", "arm64"}}
	rockyArchitectures  = []architecture{{"x86_64", "x86_64"}, {"arm64", "aarch64"}}
	onlyX86             = []architecture{{"x86_64", "x86_64"}}

	linuxEphemeral   = []string{"/dev/sdb", "/dev/sdc"}
	windowsEphemeral = []string{"xvdca", "xvdcb", "xvdcc", "xvdcd"}
)

var al2023Versions = []imageVersion{
	{"2023.6.20250218.2", "2025-02-19"},
	{"2023.7.20250512.0", "2025-05-13"},
	{"2023.8.20250721.2", "2025-07-22"},
	{"2023.9.20250929.0", "2025-09-30"},
}

var al2Versions = []imageVersion{
	{"2.0.20250220.0", "2025-02-22"},
	{"2.0.20250623.0", "2025-06-25"},
	{"2.0.20250929.2", "2025-10-01"},
}

var windowsVersions = []imageVersion{
	{"2025.07.09", "2025-07-09"},
	{"2025.08.13", "2025-08-13"},
	{"2025.09.10", "2025-09-10"},
}

// imageFamilies are the public images that people name in their filters. The
// names have the vendors' form; which dates are here does not matter, the
// newest one has to be found.
var imageFamilies = []imageFamily{
	amazonLinux2023("al2023-ami-{version}-kernel-6.1-{arch}", "Amazon Linux 2023 AMI {version} {arch} HVM kernel-6.1", 8),
	amazonLinux2023("al2023-ami-{version}-kernel-6.12-{arch}", "Amazon Linux 2023 AMI {version} {arch} HVM kernel-6.12", 8),
	amazonLinux2023("al2023-ami-minimal-{version}-kernel-6.1-{arch}", "Amazon Linux 2023 AMI {version} {arch} Minimal HVM kernel-6.1", 2),
	amazonLinux2("amzn2-ami-hvm-{version}-{arch}-gp2", "Amazon Linux 2 AMI {version} {arch} HVM gp2"),
	amazonLinux2("amzn2-ami-kernel-5.10-hvm-{version}-{arch}-gp2", "Amazon Linux 2 LTS {arch} Kernel 5.10 AMI {version} {arch} HVM gp2"),
	ubuntu("ubuntu/images/hvm-ssd/ubuntu-focal-20.04-{arch}-server-{date}", "20.04 LTS", "focal", types.VolumeTypeGp2,
		"2025-02-28", "2025-04-09", "2025-05-30"),
	ubuntu("ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-{arch}-server-{date}", "22.04 LTS", "jammy", types.VolumeTypeGp2,
		"2025-03-05", "2025-06-10", "2025-09-12"),
	ubuntu("ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-{arch}-server-{date}", "24.04 LTS", "noble", types.VolumeTypeGp3,
		"2025-03-05", "2025-06-10", "2025-09-12"),
	debian("debian-11-{arch}-{version}", "Debian 11 ({version})", []imageVersion{
		{"20240717-1811", "2024-07-17"}, {"20241202-1949", "2024-12-02"}, {"20250426-2094", "2025-04-26"},
	}),
	debian("debian-12-{arch}-{version}", "Debian 12 ({version})", []imageVersion{
		{"20250316-2053", "2025-03-16"}, {"20250519-2117", "2025-05-19"}, {"20250814-2204", "2025-08-14"},
	}),
	debian("debian-13-{arch}-{version}", "Debian 13 ({version})", []imageVersion{
		{"20250814-2204", "2025-08-14"}, {"20250911-2232", "2025-09-11"}, {"20251006-2257", "2025-10-06"},
	}),
	windows("Windows_Server-2019-English-Full-Base-{version}", "Microsoft Windows Server 2019 with Desktop Experience Locale English AMI provided by Amazon"),
	windows("Windows_Server-2022-English-Full-Base-{version}", "Microsoft Windows Server 2022 Full Locale English AMI provided by Amazon"),
	windows("Windows_Server-2022-English-Core-Base-{version}", "Microsoft Windows Server 2022 Core Locale English AMI provided by Amazon"),
	windows("Windows_Server-2025-English-Full-Base-{version}", "Microsoft Windows Server 2025 Full Locale English AMI provided by Amazon"),
	redHat("RHEL-9.{version}-{arch}-0-Hourly2-GP3", []imageVersion{
		{"4.0_HVM-20250218", "2025-02-18"}, {"5.0_HVM-20250313", "2025-03-13"}, {"6.0_HVM-20250618", "2025-06-18"},
	}),
	redHat("RHEL-10.{version}-{arch}-0-Hourly2-GP3", []imageVersion{
		{"0.0_HVM-20250423", "2025-04-23"}, {"0.0_HVM-20250714", "2025-07-14"},
	}),
	suse("suse-sles-15-sp6-v{date}-hvm-ssd-{arch}", "SUSE Linux Enterprise Server 15 SP6 (HVM, 64-bit, SSD-Backed)",
		"2025-02-10", "2025-05-12", "2025-08-19"),
	suse("suse-sles-15-sp7-v{date}-hvm-ssd-{arch}", "SUSE Linux Enterprise Server 15 SP7 (HVM, 64-bit, SSD-Backed)",
		"2025-06-17", "2025-08-19"),
	rocky("Rocky-8-EC2-Base-{version}.{arch}", []imageVersion{{"8.9-20231119.0", "2023-11-19"}, {"8.10-20240528.0", "2024-05-28"}}),
	rocky("Rocky-9-EC2-Base-{version}.{arch}", []imageVersion{{"9.5-20241118.0", "2024-11-18"}, {"9.6-20250531.0", "2025-05-31"}}),
	rocky("Rocky-10-EC2-Base-{version}.{arch}", []imageVersion{{"10.0-20250609.1", "2025-06-09"}}),
}

func amazonLinux2023(name, description string, size int32) imageFamily {
	return imageFamily{
		Owner: amazonLinuxOwner, Alias: amazonAlias, Name: name, Description: description,
		Architectures: amazonArchitectures, Versions: al2023Versions, System: linuxSystem,
		RootDevice: "/dev/xvda", Size: size, VolumeType: types.VolumeTypeGp3,
		Boot: types.BootModeValuesUefiPreferred, IMDS: types.ImdsSupportValuesV20,
	}
}

func amazonLinux2(name, description string) imageFamily {
	return imageFamily{
		Owner: amazonLinuxOwner, Alias: amazonAlias, Name: name, Description: description,
		Architectures: amazonArchitectures, Versions: al2Versions, System: linuxSystem,
		RootDevice: "/dev/xvda", Size: 8, VolumeType: types.VolumeTypeGp2,
	}
}

func ubuntu(name, release, codename string, volumeType types.VolumeType, dates ...string) imageFamily {
	return imageFamily{
		Owner: canonicalOwner, Alias: amazonAlias, Name: name,
		Description:   "Canonical, Ubuntu, " + release + ", {arch} " + codename + " image build on {date}",
		Architectures: debianArchitectures, Versions: dated(dates), System: linuxSystem,
		RootDevice: "/dev/sda1", Size: 8, VolumeType: volumeType, Boot: types.BootModeValuesUefiPreferred,
		Ephemeral: linuxEphemeral,
	}
}

func debian(name, description string, versions []imageVersion) imageFamily {
	return imageFamily{
		Owner: debianOwner, Name: name, Description: description, Architectures: debianArchitectures,
		Versions: versions, System: linuxSystem, RootDevice: "/dev/xvda", Size: 8, VolumeType: types.VolumeTypeGp3,
		Boot: types.BootModeValuesUefiPreferred,
	}
}

func windows(name, description string) imageFamily {
	return imageFamily{
		Owner: amazonWindowsOwner, Alias: amazonAlias, Name: name, Description: description,
		Architectures: onlyX86, Versions: windowsVersions, System: windowsSystem,
		RootDevice: "/dev/sda1", Size: 30, VolumeType: types.VolumeTypeGp2, Ephemeral: windowsEphemeral,
	}
}

func redHat(name string, versions []imageVersion) imageFamily {
	return imageFamily{
		Owner: redHatOwner, Alias: amazonAlias, Name: name, Description: "Provided by Red Hat, Inc.",
		Architectures: amazonArchitectures, Versions: versions, System: redHatSystem,
		RootDevice: "/dev/sda1", Size: 10, VolumeType: types.VolumeTypeGp3, Boot: types.BootModeValuesUefiPreferred,
	}
}

func suse(name, description string, dates ...string) imageFamily {
	return imageFamily{
		Owner: suseOwner, Alias: amazonAlias, Name: name, Description: description,
		Architectures: amazonArchitectures, Versions: dated(dates), System: suseSystem,
		RootDevice: "/dev/sda1", Size: 10, VolumeType: types.VolumeTypeGp3, Boot: types.BootModeValuesUefiPreferred,
	}
}

func rocky(name string, versions []imageVersion) imageFamily {
	return imageFamily{
		Owner: rockyOwner, Name: name, Description: name, Architectures: rockyArchitectures,
		Versions: versions, System: linuxSystem, RootDevice: "/dev/sda1", Size: 10, VolumeType: types.VolumeTypeGp3,
		Boot: types.BootModeValuesUefiPreferred,
	}
}

// dated are versions whose names hold nothing but their date.
func dated(dates []string) []imageVersion {
	var versions []imageVersion
	for _, d := range dates {
		versions = append(versions, imageVersion{Created: d})
	}
	return versions
}
