#include "support/test-util.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <system_error>
#include <vector>

#include "base/error.h"

namespace u2moe {
namespace {

namespace fs = std::filesystem;

// The source tree that this test was built from: the first directory with src/base above the
// executable, or above the current directory where the build directory lies elsewhere.
fs::path SourceRoot() {
  std::error_code none;
  for (fs::path start : {fs::read_symlink("/proc/self/exe", none), fs::current_path(none) / "x"}) {
    for (fs::path p = start; p.has_relative_path();) {
      p = p.parent_path();
      if (fs::exists(p / "src/base/error.h", none)) return p;
    }
  }
  return {};
}

// Beside the source tree, or beside the folder of a git worktree; U2MOE_SHARED names another place,
// and only that: a folder that is not there hides the others.
std::string SharedPath(const std::string &relative) {
  std::vector<fs::path> candidates;
  if (const char *shared = std::getenv("U2MOE_SHARED")) {
    candidates.emplace_back(shared);
  } else {
    candidates = {SourceRoot() / "../shared", SourceRoot() / "../../shared"};
  }
  for (const fs::path &p : candidates) {
    std::error_code none;
    if (fs::exists(p / relative, none)) return (p / relative).lexically_normal().string();
  }
  return "";
}

class TempDirHolder {
 public:
  TempDirHolder() {
    std::string name = (fs::temp_directory_path() / "u2moe-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw Error("cannot make the directory ", name);
    path_ = name;
  }
  ~TempDirHolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string Path() const { return path_.string(); }

 private:
  fs::path path_;
};

}  // namespace

Tensor RandomTensor(Rng *rng, int64_t rows, int64_t cols, float scale) {
  Tensor t(rows, cols);
  for (int64_t i = 0; i < t.Size(); ++i) t.Data()[i] = scale * static_cast<float>(rng->Normal());
  return t;
}

bool SameBits(ConstView a, ConstView b) {
  if (a.Rows() != b.Rows() || (!a.Empty() && a.Cols() != b.Cols())) return false;
  for (int64_t i = 0; i < a.Rows() && a.Cols() > 0; ++i) {
    if (std::memcmp(a.Row(i), b.Row(i), static_cast<size_t>(a.Cols()) * sizeof(float)) != 0)
      return false;
  }
  return true;
}

bool SameBits(const Tensor &a, const Tensor &b) {
  return a.Shape() == b.Shape() && SameBits(a.View(), b.View());
}

double MaxAbsDiff(ConstView a, ConstView b) {
  CHECK_SHAPE(a, b.Rows(), b.Cols());
  double largest = 0;
  for (int64_t i = 0; i < a.Rows(); ++i) {
    for (int64_t j = 0; j < a.Cols(); ++j) {
      const double x = a(i, j), y = b(i, j);
      if (x == y) continue;  // also equal infinities
      const double difference = std::fabs(x - y);
      if (std::isnan(difference)) return std::numeric_limits<double>::infinity();
      largest = std::fmax(largest, difference);
    }
  }
  return largest;
}

std::string SourceDir() { return SourceRoot().string(); }

std::string GoldenDir() {
  const fs::path own = SourceRoot() / "tests/golden";
  std::error_code none;
  return fs::exists(own, none) ? own.string() : SharedPath("golden");
}

std::string GoldenPath(const std::string &relative) {
  const fs::path own = SourceRoot() / "tests/golden" / relative;
  std::error_code none;
  return fs::exists(own, none) ? own.string() : SharedPath("golden/" + relative);
}

std::string WenetBpeDir() { return SharedPath("data/wenet-bpe"); }

std::string FsddDir() { return SharedPath("data/fsdd"); }

std::string TempDir() {
  static const TempDirHolder holder;
  return holder.Path();
}

std::string ReadFile(const std::string &path) {
  std::ifstream is(path, std::ios::binary);
  if (!is) throw Error(path, ": cannot open");
  return std::string(std::istreambuf_iterator<char>(is), std::istreambuf_iterator<char>());
}

void WriteFile(const std::string &path, const std::string &contents) {
  std::ofstream os(path, std::ios::binary);
  os.write(contents.data(), static_cast<std::streamsize>(contents.size()));
  os.close();
  if (!os) throw Error(path, ": cannot write");
}

}  // namespace u2moe
