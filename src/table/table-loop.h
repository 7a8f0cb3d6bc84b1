#ifndef U2MOE_TABLE_TABLE_LOOP_H_
#define U2MOE_TABLE_TABLE_LOOP_H_

#include <optional>
#include <string>
#include <type_traits>

#include "table/table.h"
#include "util/tally.h"

namespace u2moe {

namespace internal {
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
}  // namespace internal

// The loop of a tool that makes one entry out of each entry of a table: writes fn(key, value) under
// the same key. fn returns an Out::T, or a std::optional of it that is empty where nothing is to be
// written. Its DataErrors, and those of reading and writing, are counted in the tally; other errors
// end the loop, and then no file appears.
template <class In, class Out, class Fn>
void TransformTable(const std::string &rspecifier, const std::string &wspecifier,
                    UtteranceTally *tally, Fn fn) {
  SequentialTableReader<In> reader(rspecifier);
  TableWriter<Out> writer(wspecifier);
  for (; !reader.Done(); reader.Next()) {
    tally->Try(reader, [&] {
      const auto value = fn(reader.Key(), reader.Value());
      if constexpr (internal::IsOptional<std::decay_t<decltype(value)>>::value) {
        if (value) writer.Write(reader.Key(), *value);
      } else {
        writer.Write(reader.Key(), value);
      }
    });
  }
  reader.Close();
  writer.Close();
}

}  // namespace u2moe

#endif  // U2MOE_TABLE_TABLE_LOOP_H_
