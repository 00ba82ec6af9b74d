// The canonical options: of who we are to clients.
#include "config/model_options.h"
#include "config/slots.h"

namespace cirque::config {
namespace {

const Option kOptions[] = {
    {.path = "certificates",
     .type = Type::List,
     .slot = RECORDS(Model, certificates),
     .doc = "Certificates for TLS towards clients, from PEM files of this machine. With every "
            "configuration the files are read and looked over: are they there, do key and "
            "certificate belong together, is it their time, are they for their hosts? This version "
            "does not serve TLS yet.",
     .also = "certs certificate tls ssl"},
    {.path = "certificates[].name",
     .type = Type::Name,
     .slot = IN(Certificate, name),
     .min = 1,
     .max = 128,
     .doc = "What others call it.",
     .example = "example",
     .need = Need::Required,
     .also = "id"},
    {.path = "certificates[].certificate",
     .type = Type::Path,
     .slot = IN(Certificate, certificate),
     .min = 1,
     .max = 4095,
     .doc = "The file of the certificate and of those that vouch for it, the server's own first. A "
            "path starts at the folder of this file, or with a slash.",
     .example = "/etc/cirque/example.pem",
     .need = Need::Required,
     .also = "cert crt file chain fullchain cert_path certificate_path cert_file ssl_certificate"},
    {.path = "certificates[].key",
     .type = Type::Path,
     .slot = IN(Certificate, key),
     .min = 1,
     .max = 4095,
     .doc = "The file of its private key, not encrypted, and nobody's to read but the owner's.",
     .example = "/etc/cirque/example.key",
     .need = Need::Required,
     .also = "private_key key_path key_file privkey ssl_certificate_key"},
    {.path = "certificates[].hosts",
     .type = Type::Names,
     .slot = IN(Certificate, hosts),
     .min = 1,
     .max = 253,
     .doc = "Hosts that it is for, such as example.com and *.example.com; when not given, those "
            "that the certificate names.",
     .example = "[example.com]",
     .also = "domains names server_names sni host"},
};

}  // namespace

std::span<const Option> certificate_options() noexcept {
  return kOptions;
}

}  // namespace cirque::config
