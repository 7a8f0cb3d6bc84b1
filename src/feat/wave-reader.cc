#include "feat/wave-reader.h"

#include <iterator>

#include "base/error.h"

namespace u2moe {

void WaveHolder::Read(std::istream &is, T *value) { *value = ReadAudio(is); }

void WaveHolder::Write(std::ostream &os, bool binary, const T &value) {
  if (!binary) throw UsageError("audio has no text form: use ark: instead of ark,t:");
  WriteWav(value, os);
}

void WaveInfoHolder::Read(std::istream &is, T *value) { *value = ReadAudioInfo(is); }

void BytesHolder::Read(std::istream &is, T *value) {
  value->assign(std::istreambuf_iterator<char>(is), std::istreambuf_iterator<char>());
}

}  // namespace u2moe
