#include "pipeline/recording-list.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>

#include "base/error.h"
#include "util/io.h"
#include "util/text.h"

namespace u2moe {
namespace {

namespace fs = std::filesystem;

// libsndfile's first, then those of ffmpeg.
constexpr const char *kExtensions =
    "wav wave wavex flac ogg oga opus mp3 mp2 aif aiff aifc au snd sph nist sd2 w64 rf64 bwf caf "
    "voc gsm amr amb m4a m4b aac mp4 m4v mov mkv mka webm wma wmv asf avi flv 3gp 3gpp ac3 eac3 "
    "dts ape wv tta mpg mpeg ts m2ts ra rm spx";

// What a recording can be called, from the shortest.
struct Candidate {
  Recording recording;
  std::vector<std::string> parts;  // of the path: folders, then the file's name
  bool extension = false;          // the name keeps it
  size_t taken = 1;                // parts in the name

  std::string Name() const {
    std::string name;
    for (size_t i = parts.size() - taken; i < parts.size(); ++i)
      name += (name.empty() ? "" : "/") + parts[i];
    if (extension) return name;
    const size_t dot = name.rfind('.'), slash = name.rfind('/');
    const size_t begin = slash == name.npos ? 0 : slash + 1;
    return dot == name.npos || dot <= begin ? name : name.substr(0, dot);
  }
  bool Longer() {
    if (!extension) return extension = true;
    if (taken == parts.size()) return false;
    ++taken;
    return true;
  }
};

// As the path is given, or all of it where it goes up.
std::vector<std::string> PathParts(const std::string &path) {
  fs::path normal = fs::path(path).lexically_normal();
  if (!normal.empty() && *normal.begin() == "..") normal = fs::absolute(path).lexically_normal();
  std::vector<std::string> parts;
  for (const fs::path &part : normal) {
    if (part != "/" && part != "." && !part.empty()) parts.push_back(part.string());
  }
  return parts;
}

// What a key of a table holds: no white space, nothing that is not UTF-8.
std::string AsKey(const std::string &name) {
  std::string key;
  for (size_t at = 0; at < name.size();) {
    const size_t begin = at;
    const int32_t c = NextCodePoint(name, &at);
    const bool bad =
        c < 0 || IsWhiteSpace(static_cast<uint32_t>(c)) || IsInvisible(static_cast<uint32_t>(c));
    key += bad ? "_" : name.substr(begin, at - begin);
  }
  return key;
}

class Finder {
 public:
  void Add(const std::string &argument) {
    std::error_code error;
    const fs::file_status status = fs::status(argument, error);
    if (argument == "-") {
      AddCandidate(argument, {"stdin"}, 1, 0);
    } else if (fs::is_directory(status)) {
      AddFolder(argument);
    } else if (fs::exists(status)) {
      AddFile(argument, 1);
    } else if (IsPipe(argument)) {
      AddCandidate(argument, {Cat("pipe", ++num_pipes_)}, 1, 0);
    } else {
      problems_.emplace_back(argument, Cat("cannot open ", argument, ": ",
                                           error ? error.message() : "No such file or directory"));
    }
  }

  RecordingList Finish() {
    // Those that clash get longer names until none does.
    for (bool clash = true; clash;) {
      clash = false;
      std::map<std::string, std::vector<Candidate *>> by_name;
      for (Candidate &c : candidates_) by_name[c.Name()].push_back(&c);
      for (auto &[name, same] : by_name) {
        if (same.size() < 2) continue;
        for (Candidate *c : same) clash |= c->Longer();
      }
    }
    RecordingList list;
    list.problems = std::move(problems_);
    std::set<std::string> seen;
    for (Candidate &c : candidates_) {
      c.recording.file = c.Name();
      c.recording.name = AsKey(c.recording.file);
      // They differ in white space alone, or hardly.
      for (int i = 2; !seen.insert(c.recording.name).second; ++i) {
        c.recording.name = Cat(AsKey(c.Name()), "-", i);
        c.recording.file = Cat(c.Name(), "-", i);
      }
      list.recordings.push_back(std::move(c.recording));
    }
    return list;
  }

 private:
  // below: parts that the name always has, those below the folder that was given.
  void AddCandidate(const std::string &path, std::vector<std::string> parts, size_t below,
                    int64_t bytes) {
    Candidate c;
    c.recording = {path, "", "", bytes};
    c.parts = std::move(parts);
    c.taken = std::min(below, c.parts.size());
    candidates_.push_back(std::move(c));
  }

  void AddFile(const std::string &path, size_t below) {
    std::error_code error;
    const fs::path canonical = fs::canonical(path, error);
    if (!error && fs::is_regular_file(canonical, error) && !files_.insert(canonical).second) {
      problems_.emplace_back(path, "is given twice; leave one of them out");
      return;
    }
    const uintmax_t size = fs::file_size(path, error);
    AddCandidate(path, PathParts(path), below, error ? 0 : static_cast<int64_t>(size));
  }

  void AddFolder(const std::string &folder) {
    std::vector<std::string> found;
    std::error_code error;
    fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied,
                                        error),
        end;
    for (; !error && it != end; it.increment(error)) {
      const std::string name = it->path().filename().string();
      std::error_code ignored;
      if (StartsWith(name, ".")) {
        if (it->is_directory(ignored)) it.disable_recursion_pending();
      } else if (it->is_regular_file(ignored) && HasAudioExtension(name)) {
        found.push_back(it->path().string());
      }
    }
    if (error) {
      problems_.emplace_back(folder, Cat("cannot read the folder: ", error.message()));
    } else if (found.empty()) {
      problems_.emplace_back(
          folder,
          "no audio in this folder or below: no file's name ends in .wav, "
          ".flac, .mp3, .ogg, .m4a or the like; give other files by their names");
    }
    std::sort(found.begin(), found.end());
    const size_t depth = PathParts(folder).size();
    for (const std::string &path : found) {
      const size_t parts = PathParts(path).size();
      AddFile(path, parts > depth ? parts - depth : 1);
    }
  }

  std::vector<Candidate> candidates_;
  std::vector<std::pair<std::string, std::string>> problems_;
  std::set<fs::path> files_;
  int num_pipes_ = 0;
};

}  // namespace

bool HasAudioExtension(const std::string &name) {
  const size_t dot = name.rfind('.');
  if (dot == name.npos || !IsValidUtf8(name)) return false;
  const std::string extension = ToLower(name.substr(dot + 1));
  static const std::vector<std::string> *const known =
      new std::vector<std::string>(SplitFields(kExtensions));
  return std::find(known->begin(), known->end(), extension) != known->end();
}

RecordingList FindRecordings(const std::vector<std::string> &arguments) {
  Finder finder;
  for (const std::string &argument : arguments) finder.Add(argument);
  return finder.Finish();
}

}  // namespace u2moe
