import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** What the programs of Java say: a line of JSON for each operation. */
final class Saying {
    private Saying() {
    }

    /** Something to do that may fail. */
    interface Work {
        void run() throws Exception;
    }

    /** Where the embedded Azure is, and what is in it. */
    static JsonObject ground(String[] arguments) throws Exception {
        return JsonParser.parseString(Files.readString(Path.of(arguments[0]))).getAsJsonObject();
    }

    /** Says whether the work did the operation, for each client that took part. */
    static void attempt(String operation, Work work, String... clients) {
        String words = "";
        try {
            work.run();
        } catch (Exception | AssertionError error) {
            StringWriter trace = new StringWriter();
            error.printStackTrace(new PrintWriter(trace));
            System.err.println(trace);
            words = error.toString();
        }
        for (String client : clients) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("client", client);
            line.put("operation", operation);
            line.put("ok", words.isEmpty());
            line.put("words", words);
            System.out.println(new Gson().toJson(line));
        }
    }

    /** Asks for a cloud-to-device message. */
    static void wish(String device) {
        System.out.println(new Gson().toJson(Map.of("message for", device)));
    }

    /** Fails unless it holds. */
    static void check(boolean holds, Object shown) {
        if (!holds) {
            throw new AssertionError(String.valueOf(shown));
        }
    }

    /** Fails unless the work is refused within five seconds. */
    static void refusedAtOnce(Work work) {
        long begun = System.nanoTime();
        boolean taken = true;
        try {
            work.run();
        } catch (Exception refused) {
            System.err.println(refused);
            taken = false;
        }
        double seconds = (System.nanoTime() - begun) / 1e9;
        check(!taken, "was taken");
        check(seconds < 5, "only after " + seconds + " s");
    }
}
