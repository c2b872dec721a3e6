package phrase

// spanishEvidence are the texts about where evidence is from: log files, and files
// of evidence.
var spanishEvidence = map[string]string{
	"give --trail the folder to which the log files were copied, such as AWSLogs": "indique con --trail la carpeta a la que se copiaron los archivos de registro, por ejemplo AWSLogs",
	"with --offline nobody is asked, and there are no files to read":              "con --offline no se consulta a nadie, y no hay archivos que leer",
	"give --trail DIR, a folder of CloudTrail log files":                          "indique --trail DIR, una carpeta de archivos de registro de CloudTrail",

	// Of log files.
	"log files": "archivos de registro",
	"there are none: no file ends in .json or .json.gz, or all are of other accounts and Regions": "no hay ninguno: ningún archivo termina en .json o .json.gz, o todos son de otras cuentas y regiones",

	// keyturn collect, and diagnose --from.
	"%s is there already":                                                   "%s ya existe",
	"name another file with -o":                                             "indique otro archivo con -o",
	"the evidence cannot be written: %v":                                    "no se puede escribir la evidencia: %v",
	"the evidence cannot be read: %v":                                       "no se puede leer la evidencia: %v",
	"give the file that keyturn collect wrote":                              "indique el archivo que escribió keyturn collect",
	"The evidence about %s is in %s.":                                       "La evidencia sobre %s está en %s.",
	"Could not be read: %s (%s): %s":                                        "No se pudo leer: %s (%s): %s",
	"Diagnose it anywhere: %s":                                              "Diagnostíquelo en cualquier lugar: %s",
	"the file of --from says which instance it is about, and %q does, too":  "el archivo de --from dice de qué instancia se trata, y %q también",
	"with --from nobody is asked, and --%s says whom":                       "con --from no se consulta a nadie, y --%s dice a quién",
	"leave one of them out":                                                 "omita uno de los dos",
	"the evidence is of version %d, and this keyturn reads version %d":      "la evidencia es de la versión %d, y este keyturn lee la versión %d",
	"read it with the version of Keyturn that wrote it, or collect it anew": "léala con la versión de Keyturn que la escribió, o recójala de nuevo",
	"collect it for them: %s":                                               "recójala para esa identidad: %s",
	"the evidence was collected at %s":                                      "la evidencia se recogió el %s",
	"the evidence has the policies of %s, not those of %s":                  "la evidencia tiene las políticas de %s, no las de %s",
	"nobody": "nadie",

	"%s was stopped: %s called %s at %s, and nothing before that was denied.": "%s se detuvo: %s llamó a %s el %s, y antes no se denegó nada.",
}
