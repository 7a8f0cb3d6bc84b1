#include "util/options.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <fstream>
#include <iostream>
#include <map>
#include <set>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"

namespace po = boost::program_options;

namespace u2moe {
namespace {

// Levenshtein distance, for "did you mean".
size_t EditDistance(const std::string &a, const std::string &b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t substitute = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({substitute, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::string DefaultText(bool v) { return v ? "true" : "false"; }
std::string DefaultText(const std::string &v) { return "\"" + v + "\""; }
template <class T>
std::string DefaultText(T v) {
  return Cat(v);
}

}  // namespace

struct OptionParser::Impl {
  struct Row {
    std::string name, type, default_text, doc;
  };
  std::string usage;
  po::options_description description;
  std::vector<Row> rows;  // in order of registration, for --help
  std::set<std::string> given;
  std::string config;
  bool help = false, print_args = true;
  int32_t verbose = 0;

  template <class T>
  void Add(const std::string &name, T *value, const std::string &type, const std::string &doc) {
    for (const Row &row : rows)
      CHECK(row.name != name) << "option --" << name << " registered twice";
    rows.push_back({name, type, DefaultText(*value), doc});
    description.add_options()(name.c_str(), po::value<T>(value), doc.c_str());
  }

  void CheckKnown(const std::string &name, const std::string &where) const {
    const Row *best = nullptr;
    size_t best_distance = 4;
    for (const Row &row : rows) {
      if (row.name == name) return;
      size_t d = EditDistance(row.name, name);
      if (d < best_distance) {
        best_distance = d;
        best = &row;
      }
    }
    throw UsageError(where, "unknown option --", name,
                     best ? "; did you mean --" + best->name + "?" : std::string());
  }

  void Store(const po::parsed_options &parsed, const std::string &where) {
    // Kaldi lets a later value replace an earlier one; Boost refuses repeats, so keep the last.
    po::parsed_options last(&description);
    std::map<std::string, size_t> seen;
    for (const auto &option : parsed.options) {
      auto it = seen.find(option.string_key);
      if (it == seen.end()) {
        seen[option.string_key] = last.options.size();
        last.options.push_back(option);
      } else {
        last.options[it->second] = option;
      }
    }
    try {
      po::variables_map map;
      po::store(last, map);
      po::notify(map);
    } catch (const po::error &e) {
      throw UsageError(where, e.what());
    }
    for (const auto &option : parsed.options) given.insert(option.string_key);
  }
};

OptionParser::OptionParser(const std::string &usage) : impl_(new Impl) {
  impl_->usage = usage;
  Register("config", &impl_->config, "file of name=value lines, read before the other options");
  Register("help", &impl_->help, "print this help and exit");
  Register("print-args", &impl_->print_args, "print the command line to stderr");
  Register("verbose", &impl_->verbose, "verbosity of the log; higher says more");
}

OptionParser::~OptionParser() = default;

void OptionParser::Register(const std::string &name, bool *value, const std::string &doc) {
  impl_->Add(name, value, "bool", doc);
}
void OptionParser::Register(const std::string &name, int32_t *value, const std::string &doc) {
  impl_->Add(name, value, "int", doc);
}
void OptionParser::Register(const std::string &name, int64_t *value, const std::string &doc) {
  impl_->Add(name, value, "int", doc);
}
void OptionParser::Register(const std::string &name, float *value, const std::string &doc) {
  impl_->Add(name, value, "float", doc);
}
void OptionParser::Register(const std::string &name, double *value, const std::string &doc) {
  impl_->Add(name, value, "float", doc);
}
void OptionParser::Register(const std::string &name, std::string *value, const std::string &doc) {
  impl_->Add(name, value, "string", doc);
}

bool OptionParser::Parse(int argc, const char *const *argv, int min_args, int max_args) {
  // Only "--name" and "--name=value" are options, as in Kaldi; "-" and everything after the first
  // positional argument or "--" are arguments, so a file name never needs quoting tricks.
  po::parsed_options parsed(&impl_->description);
  int i = 1;
  for (; i < argc; ++i) {
    std::string arg = argv[i];
    if (arg == "--") {
      ++i;
      break;
    }
    if (arg.size() < 2 || arg[0] != '-') break;
    if (arg == "-h") arg = "--help";
    if (arg[1] != '-') throw UsageError("unknown option ", arg, "; options begin with --");
    const size_t eq = arg.find('=');
    po::option option;
    option.string_key = arg.substr(2, eq == std::string::npos ? eq : eq - 2);
    std::replace(option.string_key.begin(), option.string_key.end(), '_', '-');
    impl_->CheckKnown(option.string_key, "");
    if (eq != std::string::npos) {
      option.value.push_back(arg.substr(eq + 1));
    } else {
      for (const Impl::Row &row : impl_->rows) {
        if (row.name == option.string_key && row.type != "bool") {
          throw UsageError("option ", arg, " needs a value: ", arg, "=VALUE");
        }
      }
      option.value.push_back("true");
    }
    option.original_tokens.push_back(arg);
    parsed.options.push_back(option);
  }
  for (const auto &option : parsed.options) {
    if (option.string_key == "config") ReadConfigFile(option.value[0]);
  }
  impl_->Store(parsed, "");
  if (impl_->help) {
    PrintHelp();
    return false;
  }
  args_.assign(argv + i, argv + argc);
  SetVerbosity(impl_->verbose);
  if (NumArgs() < min_args || (max_args >= 0 && NumArgs() > max_args)) {
    const size_t usage = impl_->usage.find("Usage:");
    const size_t end = impl_->usage.find('\n', usage);
    throw UsageError(NumArgs(), " arguments given. ",
                     usage == std::string::npos ? "" : impl_->usage.substr(usage, end - usage));
  }
  if (impl_->print_args) {
    std::string line;
    for (int k = 0; k < argc; ++k) line += (k ? " " : "") + ShellQuote(argv[k]);
    std::cerr << line + "\n";
  }
  return true;
}

bool OptionParser::WasGiven(const std::string &name) const { return impl_->given.count(name) > 0; }

void OptionParser::ReadConfigFile(const std::string &path) {
  std::ifstream in(path);
  if (!in) throw UsageError("cannot read configuration file ", path);
  po::parsed_options parsed(&impl_->description);
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    line = line.substr(0, line.find('#'));
    const char *space = " \t\r";
    line.erase(0, line.find_first_not_of(space));
    line.erase(line.find_last_not_of(space) + 1);
    if (line.empty()) continue;
    const std::string where = Cat(path, ":", number, ": ");
    if (line.compare(0, 2, "--") == 0) line.erase(0, 2);
    const size_t eq = line.find('=');
    if (eq == std::string::npos) throw UsageError(where, "expected name=value, found '", line, "'");
    po::option option;
    option.string_key = line.substr(0, eq);
    option.string_key.erase(option.string_key.find_last_not_of(space) + 1);
    impl_->CheckKnown(option.string_key, where);
    std::string value = line.substr(eq + 1);
    value.erase(0, value.find_first_not_of(space));
    option.value.push_back(value);
    parsed.options.push_back(option);
  }
  impl_->Store(parsed, path + ": ");
}

void OptionParser::PrintHelp() const {
  std::cout << impl_->usage << "\nOptions:\n";
  for (const Impl::Row &row : impl_->rows) {
    std::cout << "  --" << row.name << " (" << row.type << ", default " << row.default_text << ")\n"
              << "      " << row.doc << "\n";
  }
}

std::string ShellQuote(const std::string &s) {
  const char *safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_+=:,./-";
  if (!s.empty() && s.find_first_not_of(safe) == std::string::npos) return s;
  std::string quoted = "'";
  for (char c : s) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace u2moe
