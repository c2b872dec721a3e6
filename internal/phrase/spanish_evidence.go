package phrase

// spanishEvidence are the texts about where evidence is from: log files, and files
// of evidence.
var spanishEvidence = map[string]string{
	"give --trail the folder to which the log files were copied, such as AWSLogs": "indique con --trail la carpeta a la que se copiaron los archivos de registro, por ejemplo AWSLogs",
	"with --offline nobody is asked, and there are no files to read":              "con --offline no se consulta a nadie, y no hay archivos que leer",
	"give --trail DIR, a folder of CloudTrail log files":                          "indique --trail DIR, una carpeta de archivos de registro de CloudTrail",
	"%s was stopped: %s called %s at %s, and nothing before that was denied.":     "%s se detuvo: %s llamó a %s el %s, y antes no se denegó nada.",
}
