#include "modelfile/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"
#include "util/io.h"
#include "util/json.h"
#include "util/text.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "model files are little-endian");

namespace u2moe {
namespace {

using nlohmann::json;

constexpr int64_t kMaxHeaderBytes = 100'000'000;
constexpr int64_t kAlignment = 64;
constexpr char kMetadataKey[] = "__metadata__";

// Bytes of one element; 0 for a type that the format does not have.
int64_t ElementBytes(const std::string &dtype) {
  static const std::map<std::string, int64_t> kBytes = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1},
      {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},
      {"U32", 4},  {"F32", 4}, {"F64", 8}, {"I64", 8},     {"U64", 8}};
  auto it = kBytes.find(dtype);
  return it == kBytes.end() ? 0 : it->second;
}

// A non-negative integer that fits int64_t; false otherwise.
bool GetCount(const json &value, int64_t *count) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > INT64_MAX) return false;
  *count = value.get<int64_t>();
  return true;
}

std::shared_ptr<char> MapFile(const std::string &name, int64_t *size) {
  const int fd = open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw Error("cannot open ", name, ": ", std::strerror(errno));
  struct stat st;
  void *address = nullptr;
  int error = fstat(fd, &st) != 0 ? errno : 0;
  if (error == 0 && st.st_size > 0) {
    address =
        mmap(nullptr, static_cast<size_t>(st.st_size), PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (address == MAP_FAILED) error = errno;
  }
  close(fd);
  if (error != 0) throw Error("cannot map ", name, " into memory: ", std::strerror(error));
  *size = st.st_size;
  const size_t length = static_cast<size_t>(st.st_size);
  return std::shared_ptr<char>(static_cast<char *>(address), [length](char *p) {
    if (p != nullptr) munmap(p, length);
  });
}

// Gives the whole pages within [begin, end) of a mapped file back; pages at the borders hold bytes
// of others too. Failing costs memory only.
void ReleasePages(char *begin, char *end) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t first = (reinterpret_cast<uintptr_t>(begin) + page - 1) / page * page;
  const uintptr_t last = reinterpret_cast<uintptr_t>(end) / page * page;
  if (first < last)
    madvise(begin + (first - reinterpret_cast<uintptr_t>(begin)), last - first, MADV_DONTNEED);
}

// Everything a pipe gives, at an address aligned as a mapping would be.
std::shared_ptr<char> ReadStream(const std::string &name, int64_t *size) {
  Input input(name);
  std::string bytes;
  std::vector<char> block(1 << 20);
  while (input.Stream().read(block.data(), static_cast<std::streamsize>(block.size())),
         input.Stream().gcount() > 0) {
    bytes.append(block.data(), static_cast<size_t>(input.Stream().gcount()));
  }
  input.Close();
  *size = static_cast<int64_t>(bytes.size());
  auto floats = std::make_shared<Tensor>(std::vector<int64_t>{(*size + 3) / 4 + 1});
  std::memcpy(floats->Data(), bytes.data(), bytes.size());
  return std::shared_ptr<char>(floats, reinterpret_cast<char *>(floats->Data()));
}

SafetensorsEntry ParseEntry(const json &object, const std::string &where) {
  if (!object.is_object()) throw DataError(where, ": the header's value is no object");
  for (const auto &item : object.items()) {
    const std::string &key = item.key();
    if (key != "dtype" && key != "shape" && key != "data_offsets") {
      throw DataError(where, ": unknown key \"", Printable(key), "\" in the header");
    }
  }
  if (object.size() != 3)
    throw DataError(where, ": the header must have dtype, shape and data_offsets");
  SafetensorsEntry entry;
  const json &dtype = object.at("dtype"), &shape = object.at("shape"),
             &offsets = object.at("data_offsets");
  entry.dtype = dtype.is_string() ? dtype.get<std::string>() : dtype.dump();
  const int64_t element = ElementBytes(entry.dtype);
  if (element == 0) throw DataError(where, ": unknown dtype ", Printable(entry.dtype));
  if (!shape.is_array()) throw DataError(where, ": the shape is no list");
  int64_t bytes = element;
  for (const json &value : shape) {
    int64_t dim;
    if (!GetCount(value, &dim)) throw DataError(where, ": wrong shape ", shape.dump());
    if (dim > 0 && bytes > INT64_MAX / dim)
      throw DataError(where, ": impossible shape ", shape.dump());
    bytes *= dim;
    entry.shape.push_back(dim);
  }
  if (!offsets.is_array() || offsets.size() != 2 || !GetCount(offsets[0], &entry.begin) ||
      !GetCount(offsets[1], &entry.end) || entry.begin > entry.end) {
    throw DataError(where, ": wrong data_offsets ", offsets.dump());
  }
  if (entry.end - entry.begin != bytes) {
    throw DataError(where, ": ", entry.dtype, " ", ShapeString(entry.shape), " takes ", bytes,
                    " bytes, but data_offsets give ", entry.end - entry.begin);
  }
  return entry;
}

int64_t ItemBytes(const SafetensorsItem &item) {
  int64_t bytes = ElementBytes(item.dtype);
  for (int64_t dim : item.shape) bytes *= dim;
  return bytes;
}

// IEEE binary16; every value is one of float32.
float HalfToFloat(uint16_t half) {
  const int exponent = (half >> 10) & 31, fraction = half & 1023;
  const float value = exponent == 31 ? (fraction == 0 ? HUGE_VALF : NAN)
                      : exponent == 0
                          ? std::ldexp(static_cast<float>(fraction), -24)
                          : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  return (half & 0x8000) != 0 ? -value : value;
}

// What a file that is no safetensors file is known to be, with how to convert it; else "".
std::string KnownForeign(std::string_view begin) {
  const auto starts = [&](std::string_view magic) {
    return begin.substr(0, magic.size()) == magic;
  };
  // torch.save writes a zip archive, before version 1.6 a pickle.
  if (starts("PK\x03\x04") || (starts("\x80") && begin.size() > 1 && begin[1] < 6)) {
    return "it is a PyTorch checkpoint (" + std::string(starts("PK") ? "zip" : "pickle") +
           "); save its weights as safetensors: python3 -c 'import sys, torch; from "
           "safetensors.torch import save_file; d = torch.load(sys.argv[1], map_location=\"cpu\"); "
           "d = d.get(\"state_dict\", d); save_file({k: v.contiguous().clone() for k, v in "
           "d.items()}, "
           "sys.argv[2])' final.pt final.safetensors";
  }
  if (starts("\x89HDF")) return "it is an HDF5 file";
  if (starts("\x1f\x8b")) return "it is compressed with gzip; unpack it first";
  return "";
}

// Largest power of two up to 64 that divides the tensor's size in bytes.
int64_t SizeAlignment(const SafetensorsItem &item) {
  const int64_t bytes = ItemBytes(item);
  return std::min(kAlignment, bytes & -bytes);
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::string &rxfilename) : name_(rxfilename) {
  struct stat st;
  int64_t size = 0;
  mapped_ = stat(name_.c_str(), &st) == 0 && S_ISREG(st.st_mode);
  std::shared_ptr<char> bytes = mapped_ ? MapFile(name_, &size) : ReadStream(name_, &size);
  Parse(std::move(bytes), size);
}

void SafetensorsFile::Parse(std::shared_ptr<char> bytes, int64_t size) {
  const std::string remedy = "; is it a .safetensors file, and was it copied completely?";
  const std::string foreign =
      KnownForeign(std::string_view(bytes.get(), static_cast<size_t>(std::min<int64_t>(size, 8))));
  if (size < 8) throw DataError(name_, ": only ", size, " bytes", remedy);
  uint64_t header_bytes;
  std::memcpy(&header_bytes, bytes.get(), sizeof(header_bytes));
  if (header_bytes < 2 || header_bytes > kMaxHeaderBytes || bytes.get()[8 < size ? 8 : 0] != '{') {
    throw DataError(name_, ": it does not begin with a safetensors header",
                    foreign.empty() ? remedy : "; " + foreign);
  }
  if (header_bytes > static_cast<uint64_t>(size - 8)) {
    throw DataError(name_, ": the header ends after ", header_bytes + 8,
                    " bytes, but the file has ", size, remedy);
  }
  const json header =
      ParseJson(std::string_view(bytes.get() + 8, header_bytes), name_ + ": safetensors header", 4);
  data_bytes_ = size - 8 - static_cast<int64_t>(header_bytes);
  data_ = std::shared_ptr<char>(bytes, bytes.get() + 8 + header_bytes);

  std::vector<std::pair<const SafetensorsEntry *, const std::string *>> by_offset;
  for (const auto &item : header.items()) {
    if (item.key() == kMetadataKey) {
      if (!item.value().is_object())
        throw DataError(name_, ": __metadata__ is no object of strings");
      for (const auto &meta : item.value().items()) {
        if (!meta.value().is_string())
          throw DataError(name_, ": __metadata__ is no object of strings");
        metadata_[meta.key()] = meta.value().get<std::string>();
      }
      continue;
    }
    const std::string where = name_ + ": tensor " + Printable(item.key(), 200);
    auto it = entries_.emplace(item.key(), ParseEntry(item.value(), where)).first;
    if (it->second.end > data_bytes_) {
      throw DataError(where, ": ends at byte ", it->second.end, " of the data, but the file holds ",
                      data_bytes_, remedy);
    }
    by_offset.emplace_back(&it->second, &it->first);
  }
  std::sort(by_offset.begin(), by_offset.end(), [](const auto &a, const auto &b) {
    return std::tie(a.first->begin, a.first->end, *a.second) <
           std::tie(b.first->begin, b.first->end, *b.second);
  });
  int64_t end = 0;
  for (const auto &[entry, name] : by_offset) {
    if (entry->begin != end) {
      throw DataError(name_, ": tensor ", Printable(*name, 200), " begins at byte ", entry->begin,
                      " of the data, ",
                      entry->begin < end ? "inside the tensor before it" : "after a gap",
                      "; the file is damaged");
    }
    end = entry->end;
  }
  if (end != data_bytes_) {
    throw DataError(name_, ": ", data_bytes_ - end,
                    " bytes after the last tensor; the file is damaged");
  }
}

std::shared_ptr<char> SafetensorsFile::Hold(const std::string &name,
                                            const SafetensorsEntry &entry) const {
  char *begin = data_.get() + entry.begin, *end = data_.get() + entry.end;
  if (!mapped_) return std::shared_ptr<char>(data_, begin);
  std::weak_ptr<char> &held = held_[name];
  std::shared_ptr<char> owner = held.lock();
  if (owner == nullptr) {
    owner = std::shared_ptr<char>(begin, [data = data_, end](char *p) { ReleasePages(p, end); });
    held = owner;
  }
  return owner;
}

double SafetensorsFile::NumValues() const {
  double sum = 0;
  for (const auto &item : entries_) {
    double size = 1;
    for (const int64_t dim : item.second.shape) size *= static_cast<double>(dim);
    sum += size;
  }
  return sum;
}

Tensor SafetensorsFile::Floats(const std::string &name) const {
  auto it = entries_.find(name);
  if (it == entries_.end()) throw DataError(name_, ": has no tensor ", name);
  const SafetensorsEntry &entry = it->second;
  if (entry.dtype != "F32") {
    throw DataError(name_, ": tensor ", name, " has type ", entry.dtype,
                    "; save it as float32 (F32)");
  }
  if (entry.shape.empty() || entry.shape.size() > 4) {
    throw DataError(name_, ": tensor ", name, " has ", entry.shape.size(),
                    " dimensions; expected 1 to 4");
  }
  char *bytes = data_.get() + entry.begin;
  if (reinterpret_cast<uintptr_t>(bytes) % alignof(float) != 0) {
    Tensor copy(entry.shape);
    if (entry.end > entry.begin)
      std::memcpy(copy.Data(), bytes, static_cast<size_t>(entry.end - entry.begin));
    return copy;
  }
  return Tensor::Borrow(std::shared_ptr<float>(Hold(name, entry), reinterpret_cast<float *>(bytes)),
                        entry.shape);
}

Tensor SafetensorsFile::AsFloats(const std::string &name) const {
  const auto it = entries_.find(name);
  const std::string dtype = it == entries_.end() ? "" : it->second.dtype;
  if (dtype != "BF16" && dtype != "F16" && dtype != "F64") return Floats(name);
  const SafetensorsEntry &entry = it->second;
  Tensor floats(entry.shape.empty() ? std::vector<int64_t>{1} : entry.shape);
  const char *bytes = data_.get() + entry.begin;
  for (int64_t i = 0; i < floats.Size(); ++i) {
    if (dtype == "F64") {
      double value;
      std::memcpy(&value, bytes + 8 * i, sizeof(value));
      floats.Data()[i] = static_cast<float>(value);
      continue;
    }
    uint16_t half;
    std::memcpy(&half, bytes + 2 * i, sizeof(half));
    const uint32_t bits = static_cast<uint32_t>(half) << 16;
    if (dtype == "F16") {
      floats.Data()[i] = HalfToFloat(half);
    } else {
      std::memcpy(floats.Data() + i, &bits, sizeof(bits));
    }
  }
  return floats;
}

std::shared_ptr<const uint8_t> SafetensorsFile::Bytes(const std::string &name) const {
  auto it = entries_.find(name);
  if (it == entries_.end()) throw DataError(name_, ": has no tensor ", name);
  const SafetensorsEntry &entry = it->second;
  const auto *bytes = reinterpret_cast<const uint8_t *>(data_.get() + entry.begin);
  if (reinterpret_cast<uintptr_t>(bytes) % kAlignment == 0)
    return std::shared_ptr<const uint8_t>(Hold(name, entry), bytes);
  const int64_t size = entry.end - entry.begin;
  const auto copy = std::make_shared<Tensor>(std::vector<int64_t>{(size + 3) / 4});
  if (size > 0) std::memcpy(copy->Data(), bytes, static_cast<size_t>(size));
  return std::shared_ptr<const uint8_t>(copy, reinterpret_cast<const uint8_t *>(copy->Data()));
}

SafetensorsItem FloatItem(const std::string &name, const Tensor *tensor) {
  return {name, "F32", tensor->Shape(), [tensor] {
            if (tensor->GetDevice() == Device::kCpu)
              return std::shared_ptr<const void>(std::shared_ptr<void>(), tensor->Data());
            const auto copy = std::make_shared<Tensor>(tensor->ToHost());
            return std::shared_ptr<const void>(copy, copy->Data());
          }};
}

SafetensorsItem TakenFloatItem(const std::string &name, Tensor *tensor) {
  return {name, "F32", tensor->Shape(), [tensor] {
            const auto own = std::make_shared<Tensor>(std::move(*tensor));
            return std::shared_ptr<const void>(own, own->Data());
          }};
}

void WriteSafetensors(const std::string &wxfilename, std::vector<SafetensorsItem> items,
                      const std::map<std::string, std::string> &metadata) {
  std::stable_sort(items.begin(), items.end(), [](const auto &a, const auto &b) {
    return SizeAlignment(a) > SizeAlignment(b);
  });
  json header = json::object();
  if (!metadata.empty()) header[kMetadataKey] = metadata;
  int64_t offset = 0;
  for (const SafetensorsItem &item : items) {
    CHECK(item.name != kMetadataKey && !header.contains(item.name))
        << "tensor " << item.name << " twice";
    const int64_t end = offset + ItemBytes(item);
    header[item.name] = {
        {"dtype", item.dtype}, {"shape", item.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  // Paths in the history may hold bytes that are not UTF-8; they must not make a model unwritable.
  std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
  text.resize((text.size() + 8 + kAlignment - 1) / kAlignment * kAlignment - 8, ' ');
  if (static_cast<int64_t>(text.size()) > kMaxHeaderBytes) {
    throw Error(wxfilename, ": the header would have ", text.size(), " bytes; at most ",
                kMaxHeaderBytes, " are allowed");
  }
  Output output(wxfilename);
  const uint64_t header_bytes = text.size();
  output.Stream().write(reinterpret_cast<const char *>(&header_bytes), sizeof(header_bytes));
  output.Stream().write(text.data(), static_cast<std::streamsize>(text.size()));
  for (const SafetensorsItem &item : items) {
    const std::shared_ptr<const void> bytes = item.bytes();
    output.Stream().write(static_cast<const char *>(bytes.get()),
                          static_cast<std::streamsize>(ItemBytes(item)));
  }
  output.Close();
}

void WriteSafetensors(const std::string &wxfilename,
                      const std::vector<std::pair<std::string, const Tensor *>> &tensors,
                      const std::map<std::string, std::string> &metadata) {
  std::vector<SafetensorsItem> items;
  for (const auto &[name, tensor] : tensors) items.push_back(FloatItem(name, tensor));
  WriteSafetensors(wxfilename, std::move(items), metadata);
}

std::string ShapeString(const std::vector<int64_t> &shape) {
  std::string s = "[";
  for (size_t i = 0; i < shape.size(); ++i) s += (i ? ", " : "") + std::to_string(shape[i]);
  return s + "]";
}

}  // namespace u2moe
